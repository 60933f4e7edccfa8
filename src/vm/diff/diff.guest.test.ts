import { readdir } from 'node:fs/promises'
import { describe, expect } from 'vitest'
import { quote } from '../../ssh/quote.js'
import { guestTest } from '../../vitest/guest-test.js'
import { sessionDirectory } from '../testing/evidence.js'
import type { Vm } from '../vm.js'

const micro = guestTest('micro')
const debian = guestTest('debian')
const two = guestTest({ vm: 'micro', other: { image: 'micro', memory: '300MiB' } })

const ODD = `/srv/it's "odd"\n\tñ`

/** What a test might do to a machine's files. */
async function before(vm: Vm): Promise<void> {
  await vm.succeed(`umask 022; mkdir -p /srv/dir; cd /srv
    for file in content mode owner gone both same untouched ${quote(ODD)}; do echo one >"$file"; done
    ln -s /etc/passwd target`)
}

async function change(vm: Vm): Promise<void> {
  await vm.succeed(`umask 022; cd /srv
    echo two >content; chmod 4711 mode; chown nobody owner; rm gone; ln -sfn /etc/group target
    echo more >>both; chmod 600 both; echo one >new; mv new same; touch untouched; chmod 1777 dir
    mkdir -p deep/er; echo new >deep/er/file; ln -s er deep/link; mkfifo pipe; echo three >${quote(ODD)}
    echo noise >/tmp/noise; mkdir -p /var/log /var/cache; echo noise >/var/log/noise; echo noise >/var/cache/noise
    mkdir -p /mnt/memory; mount -t tmpfs none /mnt/memory; echo inside >/mnt/memory/file`)
}

const FILES = [
  '+ /mnt/memory/',
  '+ /mnt/memory/file',
  '~ /srv/both (content, mode 644 -> 600)',
  '~ /srv/content (content)',
  '+ /srv/deep/',
  '+ /srv/deep/er/',
  '+ /srv/deep/er/file',
  '+ /srv/deep/link -> er',
  '~ /srv/dir/ (mode 755 -> 1777)',
  '- /srv/gone',
  `~ ${JSON.stringify(ODD)} (content)`,
  '~ /srv/mode (mode 644 -> 4711)',
  '~ /srv/owner (owner root:root -> nobody:root)',
  '+ /srv/pipe (fifo)',
  '~ /srv/target (target /etc/passwd -> /etc/group)',
]

describe.each([
  { image: 'micro', test: micro },
  { image: 'debian', test: debian },
])('on $image', ({ test, image }) => {
  test('files, whatever they are', async ({ vm }) => {
    await before(vm)
    const checkpoint = await vm.checkpoint('clean')
    await change(vm)
    const diff = await vm.diff(checkpoint)
    // systemd makes a unit of every mount.
    const units = image === 'debian' ? { units: ['+ mnt-memory.mount (active)'] } : {}
    expect(diff.toJSON()).toEqual({ files: FILES, ...units })
    expect(diff.files.find(({ name }) => name === ODD)).toMatchObject({ change: 'changed', differs: ['content'] })
    // Nothing of the machine that was looked at beside it is left.
    const machines = (await readdir(await sessionDirectory())).filter((name) => name.startsWith(`${image}-`))
    expect(machines).toContain(vm.id)
    expect(await vm.succeed('echo on')).toBe('on\n')
  })

  test('nothing, time after time, while the machine goes on', async ({ vm }) => {
    const checkpoint = await vm.checkpoint()
    for (let time = 0; time < 2; time++) expect((await vm.diff(checkpoint)).toString()).toBe('no changes')
    // What was not looked at before is looked at now.
    await vm.succeed('echo x >>/etc/hosts')
    expect((await vm.diff(checkpoint)).toString()).toBe('files\n  ~ /etc/hosts (content)')
    expect((await vm.diff()).toString()).toBe('files\n  ~ /etc/hosts (content)')
  })

  test('a listener, a user and a group, as a snapshot', async ({ vm }) => {
    const checkpoint = await vm.checkpoint()
    const listen =
      image === 'micro'
        ? 'httpd -p 127.0.0.1:8080 -h /srv'
        : `perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:8080") or die $!; fork and exit; sleep' </dev/null >/dev/null 2>&1`
    await vm.succeed(`useradd -m -u 4242 web && ${listen}`)
    const program = image === 'micro' ? 'httpd' : 'perl'
    const { ports, users, groups, files } = await vm.diff(checkpoint)
    expect(ports).toEqual([{ change: 'added', name: 'tcp 127.0.0.1:8080', after: { process: program }, differs: [] }])
    expect(users).toMatchObject([
      { change: 'added', name: 'web', after: { uid: 4242, group: 'web', home: '/home/web' } },
    ])
    expect(groups).toMatchObject([{ change: 'added', name: 'web', after: { gid: 4242, members: '' } }])
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['/etc/passwd', '/home/web']))
    await vm.succeed("sed -i '/^web:/d' /etc/passwd /etc/group")
    expect((await vm.diff(checkpoint)).users).toEqual([])
  })

  test('lines of text files, on request', async ({ vm }) => {
    await vm.succeed(`printf 'a\\nb\\nc\\n' >/srv/text; head -c 100 /dev/zero >/srv/zeros`)
    const checkpoint = await vm.checkpoint()
    await vm.succeed(
      `printf 'a\\nB\\nc\\n' >/srv/text; head -c 101 /dev/zero >/srv/zeros; echo new >/srv/new; seq 40000 >/srv/long`,
    )
    expect(`${await vm.diff(checkpoint, { content: true, paths: ['/srv'] })}`).toBe(`files
  + /srv/long
  + /srv/new
      +new
  ~ /srv/text (content)
       a
      -b
      +B
       c
  ~ /srv/zeros (content)`)
  })

  test('what is looked at, and what is left out, can be chosen', async ({ vm }) => {
    const checkpoint = await vm.checkpoint()
    await vm.succeed('touch /srv/a /srv/b.swp /tmp/c /etc/d && mkdir /srv/e && touch /srv/e/f')
    const names = async (...options: [Parameters<Vm['diff']>[1]?]) =>
      (await vm.diff(checkpoint, ...options)).files.map(({ name }) => name)
    expect(await names()).toEqual(['/etc/d', '/srv/a', '/srv/b.swp', '/srv/e', '/srv/e/f'])
    expect(await names({ ignore: ['/srv/e', '**/*.swp'] })).toEqual(['/etc/d', '/srv/a'])
    expect(await names({ paths: ['/tmp/', '/srv/e'] })).toEqual(['/srv/e', '/srv/e/f', '/tmp/c'])
    expect(await names({ ignoreVolatile: false })).toEqual(expect.arrayContaining(['/etc/d', '/tmp/c']))
  })

  test('since a reboot', async ({ vm }) => {
    const checkpoint = await vm.checkpoint()
    await vm.reboot()
    // SSH listens before all units are up.
    await vm.succeed('test ! -d /run/systemd/system || systemctl is-system-running --wait')
    expect((await vm.diff(checkpoint)).toString()).toBe('no changes')
    await vm.succeed('echo changed >>/etc/hosts')
    expect((await vm.diff(checkpoint)).toString()).toBe('files\n  ~ /etc/hosts (content)')
  })
})

debian('a package and its unit, and what becomes of them', async ({ vm }) => {
  const build = `set -e; umask 022; rm -rf /tmp/p; mkdir -p /tmp/p/DEBIAN /tmp/p/lib/systemd/system /tmp/p/usr/bin
    printf 'Package: tiny\\nVersion: %s\\nArchitecture: all\\nMaintainer: none <none@example.org>\\nDescription: tiny\\n' VERSION >/tmp/p/DEBIAN/control
    printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' >/tmp/p/lib/systemd/system/tiny.service
    echo VERSION >/tmp/p/usr/bin/tiny; dpkg-deb -b /tmp/p /tmp/tiny-VERSION.deb`
  for (const version of ['1.0', '1.1']) await vm.succeed(build.replaceAll('VERSION', version))
  const clean = await vm.checkpoint('clean')
  await vm.succeed('dpkg -i /tmp/tiny-1.0.deb && systemctl daemon-reload && systemctl enable --now tiny')
  const first = await vm.diff(clean)
  expect(first).toMatchInlineSnapshot(`
    {
      "files": [
        "+ /etc/systemd/system/multi-user.target.wants/tiny.service -> /lib/systemd/system/tiny.service",
        "+ /usr/bin/tiny",
        "+ /usr/lib/systemd/system/tiny.service",
      ],
      "packages": [
        "+ tiny 1.0",
      ],
      "units": [
        "+ tiny.service (enabled, active (running))",
      ],
    }
  `)
  const installed = await vm.checkpoint('installed')
  await vm.succeed(
    'dpkg -i /tmp/tiny-1.1.deb && systemctl daemon-reload && systemctl disable tiny && systemctl kill -s KILL tiny',
  )
  await vm.waitUntilSucceeds('systemctl is-failed tiny')
  expect((await vm.diff(installed)).toString()).toBe(`files
  - /etc/systemd/system/multi-user.target.wants/tiny.service -> /lib/systemd/system/tiny.service
  ~ /usr/bin/tiny (content)
packages
  ~ tiny 1.0 -> 1.1
units
  ~ tiny.service (enabled enabled -> disabled, state active (running) -> failed (failed))`)
  await vm.succeed('systemctl reset-failed tiny; dpkg -r tiny && systemctl daemon-reload')
  const { packages, units } = await vm.diff(installed)
  expect(packages).toEqual([{ change: 'removed', name: 'tiny', before: { version: '1.0' }, differs: [] }])
  expect(units).toMatchObject([{ change: 'removed', name: 'tiny.service' }])
  // The same again, from a machine that was put back: the same snapshot.
  await vm.restore(clean)
  await vm.succeed('dpkg -i /tmp/tiny-1.0.deb && systemctl daemon-reload && systemctl enable --now tiny')
  expect((await vm.diff(clean)).toJSON()).toEqual(first.toJSON())
})

micro('against what it was forked from, and the other way round', async ({ vm }) => {
  const checkpoint = await vm.checkpoint()
  const [fork] = await vm.fork()
  await fork.succeed('echo a >/srv/a')
  expect((await fork.diff(checkpoint)).toJSON()).toEqual({ files: ['+ /srv/a'] })
  await vm.restore(await fork.checkpoint())
  expect((await vm.diff(checkpoint)).toJSON()).toEqual({ files: ['+ /srv/a'] })
})

two('what cannot be compared is refused, and says why', async ({ vm, other }) => {
  const theirs = await other.checkpoint('theirs')
  await expect(vm.diff(theirs)).rejects.toMatchObject({
    code: 'MAYFLY_OPTION_INVALID',
    message: /theirs.*another kind/,
  })
  const gone = await vm.checkpoint('early')
  await gone[Symbol.asyncDispose]()
  await expect(vm.diff(gone)).rejects.toMatchObject({
    code: 'MAYFLY_OPTION_INVALID',
    message: expect.stringContaining('the checkpoint early of micro is gone'),
  })
  const mine = await vm.checkpoint('mine')
  await expect(vm.diff(mine, { paths: ['etc'] })).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
  await expect(vm.diff(mine, { ignore: ['nginx'] })).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
  await expect(vm.diff(mine, { timeout: 1 })).rejects.toMatchObject({ code: 'MAYFLY_WAIT_TIMEOUT' })
  await vm.suspend()
  await expect(vm.diff(mine)).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
  await vm.resume()
  await vm.crash()
  await expect(vm.diff(mine)).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
})
