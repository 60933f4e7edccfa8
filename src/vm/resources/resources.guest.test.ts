import { createHash } from 'node:crypto'
import { describe, expect } from 'vitest'
import { guestTest } from '../../vitest/guest-test.js'

const micro = guestTest('micro', { scope: 'file' })
const debian = guestTest('debian', { scope: 'file' })

describe.each([
  { image: 'micro', test: micro, server: 'dropbear', shell: '/bin/sh' },
  { image: 'debian', test: debian, server: 'sshd', shell: '/bin/bash' },
])('on $image', ({ test, server, shell }) => {
  test('a file: type, mode, owner, size, time, content, hash', async ({ vm }) => {
    await vm.succeed(
      'mkdir -p /tmp/file; cd /tmp/file; printf "one\\ntwo €\\n" >plain; chown 65534:0 plain; chmod 4750 plain',
    )
    const file = vm.file('/tmp/file/plain')
    expect(await file.state()).toMatchObject({ exists: true, type: 'file', mode: '4750', uid: 65534, gid: 0, size: 12 })
    expect([await file.mode(), await file.owner(), await file.group(), await file.size()]).toEqual([
      '4750',
      (await vm.succeed('stat -c %U /tmp/file/plain')).trim(),
      'root',
      12,
    ])
    expect(Math.abs(Date.now() - (await file.modified()).getTime())).toBeLessThan(60_000)
    expect(await file.content()).toBe('one\ntwo €\n')
    expect(await file.sha256()).toBe(createHash('sha256').update('one\ntwo €\n').digest('hex'))
    expect([await file.exists(), await file.isFile(), await file.isDirectory(), await file.isSymlink()]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  test.for(['a b', "it's", '-n', '--help', 'two\nlines', '$HOME`id`', '\\', 'ünï €', '=', '*'])(
    'a file by the name %j',
    async (name, { vm }) => {
      const path = `/tmp/names/${name}`
      await vm.writeFile(path, 'x\0y\n')
      expect(await vm.file(path).content()).toBe('x\0y\n')
      await vm.succeed(['ln', '-sf', path, '/tmp/to-it'])
      expect(await vm.file('/tmp/to-it').linkTarget()).toBe(path)
      await vm.succeed(['rm', path])
      expect(await vm.file(path).exists()).toBe(false)
    },
  )

  test('a relative path starts at home', async ({ vm }) => {
    await vm.succeed('echo home >-marker')
    expect(await vm.file('-marker').content()).toBe('home\n')
  })

  test('links: to what is there, to nothing, to themselves', async ({ vm }) => {
    await vm.succeed(
      'mkdir -p /tmp/links/real; cd /tmp/links; ln -sfn real/ to; ln -sfn nowhere dead; ln -sfn loop loop',
    )
    expect(await vm.file('/tmp/links/to').state()).toMatchObject({
      exists: true,
      type: 'directory',
      linkTarget: 'real/',
      resolved: '/tmp/links/real',
    })
    expect(await vm.file('/tmp/links/dead').state()).toMatchObject({ exists: false, linkTarget: 'nowhere' })
    expect(await vm.file('/tmp/links/loop').state()).toMatchObject({ exists: false, linkTarget: 'loop' })
  })

  test('other kinds of file; a fifo is looked at and not read', async ({ vm }) => {
    await vm.succeed('mkdir -p /tmp/kinds; rm -f /tmp/kinds/fifo; mkfifo /tmp/kinds/fifo')
    expect((await vm.file('/tmp/kinds/fifo').state()).type).toBe('fifo')
    expect((await vm.file('/dev/null').state()).type).toBe('character device')
    expect((await vm.file('/dev/vda').state()).type).toBe('block device')
    await expect(vm.file('/tmp/kinds/fifo').content()).rejects.toThrow(/is a fifo/)
  })

  test('the value of what is not there is an assertion that does not hold, and tells what is', async ({ vm }) => {
    await vm.succeed('mkdir -p /tmp/there/near; touch /tmp/there/other')
    const error = await vm
      .file('/tmp/there/missing/x')
      .mode()
      .catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: 'GuestAssertionError', code: 'MAYFLY_RESOURCE_MISSING' })
    expect(String(error)).toContain('in /tmp/there there is:\n    near/\n    other')
    await expect(vm.user('nobody-else').uid()).rejects.toMatchObject({ code: 'MAYFLY_RESOURCE_MISSING' })
  })

  test('ports, with who listens on them', async ({ vm }) => {
    const [listener] = await vm.port(22).listeners()
    expect(listener).toMatchObject({ protocol: 'tcp', port: 22, process: server })
    expect(await vm.port(22, { address: '127.0.0.1' }).isListening()).toBe(true)
    expect(await vm.port(22, { protocol: 'udp' }).isListening()).toBe(false)
    expect(await vm.port(2222).state()).toEqual({ exists: false, listening: false, listeners: [] })
  })

  test('a port that only loopback reaches, a UDP one, and the process that has them', async ({ vm }) => {
    await vm.succeed(['perl', '-e', LISTENER])
    const [listener] = await vm.port(8080).listeners()
    expect(listener).toMatchObject({ address: '127.0.0.1', port: 8080 })
    expect(listener?.pids).toEqual(await vm.process('listener: master').pids())
    expect(await vm.port(8080, { address: '127.0.0.1' }).isListening()).toBe(true)
    expect(await vm.port(8080, { address: '10.0.2.15' }).isListening()).toBe(false)
    expect(await vm.port(5353, { protocol: 'udp', address: '10.0.2.15' }).isListening()).toBe(true)
    expect(await vm.port(5353).isListening()).toBe(false)
  })

  test('processes: how many, whose, with which arguments', async ({ vm }) => {
    await vm.succeed(`cp /bin/sleep /tmp/long-name-of-a-program; ln -sf sh /tmp/script-shell
      printf '#!/bin/sh\\nwhile :; do sleep 1000; done\\n' >/tmp/a-script; chmod +x /tmp/a-script`)
    await vm.succeed('/tmp/a-script one "" "two  three" >/dev/null 2>&1 & /tmp/a-script >/dev/null 2>&1 &')
    const script = vm.process('a-script')
    expect(await script.count()).toBe(2)
    expect((await script.args()).slice(-4)).toEqual(['/tmp/a-script', 'one', '', 'two  three'])
    expect(await script.user()).toBe('root')
    await vm.succeed(['kill', ...(await script.pids()).map(String)])
    expect(await script.isRunning()).toBe(false)
  })

  test('a zombie does not run', async ({ vm }) => {
    const pid = Number(await vm.succeed(['perl', '-e', ZOMBIE]))
    expect((await vm.process('undead').state()).running).toBe(false)
    await vm.succeed(['kill', String(pid)])
  })

  test('what Mayfly looks with is not among the processes', async ({ vm }) => {
    for (const tool of ['head', 'stat', 'tr']) expect(await vm.process(tool).pids()).toEqual([])
  })

  test('users and groups', async ({ vm }) => {
    expect(await vm.user('root').state()).toMatchObject({
      exists: true,
      uid: 0,
      gid: 0,
      group: 'root',
      home: '/root',
      shell,
    })
    await vm.succeed('grep -q ^crew: /etc/group || echo crew:x:4242:ada,root >>/etc/group')
    await vm.succeed(
      'grep -q ^ada: /etc/passwd || echo "ada:x:4321:4242:Ada L.,,,:/srv/ada home:/bin/sh" >>/etc/passwd',
    )
    const ada = vm.user('ada')
    expect([await ada.uid(), await ada.gid(), await ada.group(), await ada.groups(), await ada.home()]).toEqual([
      4321,
      4242,
      'crew',
      ['crew'],
      '/srv/ada home',
    ])
    expect(await vm.user('root').groups()).toEqual(['root', 'crew'])
    expect(await vm.group('crew').state()).toEqual({ exists: true, gid: 4242, members: ['ada', 'root'] })
    // A number is no name, a name is no pattern and no option.
    for (const name of ['4321', 'a.a', 'ad', '-h', '', "a'a"]) expect(await vm.user(name).exists()).toBe(false)
    expect(await vm.group('4242').exists()).toBe(false)
  })

  test('mounts, one above the other, and with a space in the path', async ({ vm }) => {
    await vm.succeed(
      'mkdir -p "/mnt/a b"; mount -t tmpfs -o size=64k,noexec lower "/mnt/a b"; mount -t tmpfs upper "/mnt/a b"',
    )
    const mount = vm.mount('/mnt/a b/')
    expect([await mount.source(), await mount.type()]).toEqual(['upper', 'tmpfs'])
    await vm.succeed('umount "/mnt/a b"')
    expect(await mount.options()).toEqual(expect.arrayContaining(['noexec', 'size=64k']))
    await vm.succeed('umount "/mnt/a b"')
    expect(await mount.state()).toEqual({ exists: false, mounted: false, options: [] })
  })

  test('kernel settings', async ({ vm }) => {
    await vm.succeed('echo 1 >/proc/sys/net/ipv4/ip_forward')
    expect(await vm.sysctl('net.ipv4.ip_forward').value()).toBe('1')
    expect(await vm.sysctl('net/ipv4/ip_forward').value()).toBe('1')
    expect(await vm.sysctl('net.ipv4.ip_local_port_range').value()).toMatch(/^\d+ \d+$/)
    expect(await vm.sysctl('net.ipv4.nonsense').exists()).toBe(false)
    // A directory of settings is none.
    expect(await vm.sysctl('net.ipv4').exists()).toBe(false)
  })

  test('interfaces', async ({ vm }) => {
    expect(await vm.interface('lo').state()).toMatchObject({
      exists: true,
      up: true,
      addresses: expect.arrayContaining(['127.0.0.1/8']),
    })
    const card = vm.interface('eth0')
    expect(await card.addresses()).toContain('10.0.2.15/24')
    expect(await card.mac()).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
    expect(await card.mtu()).toBe(1500)
    await vm.succeed('modprobe dummy; ip link add idle type dummy')
    expect(await vm.interface('idle').isUp()).toBe(false)
    await vm.succeed('ip link del idle')
    expect(await vm.interface('idle').exists()).toBe(false)
  })

  test('a command runs each time it is asked about, and not before', async ({ vm }) => {
    const command = vm.command('echo x >>/tmp/runs; wc -l </tmp/runs', { cwd: '/' })
    expect(await vm.file('/tmp/runs').exists()).toBe(false)
    expect((await command.stdout()).trim()).toBe('1')
    expect((await command.stdout()).trim()).toBe('2')
    expect(await vm.command(['false']).exitCode()).toBe(1)
    expect(await vm.command('echo no >&2; exit 3').state()).toMatchObject({ stderr: 'no\n', exitCode: 3 })
  })

  test('names that nothing can have are refused before anything runs', ({ vm }) => {
    const refused = { code: 'MAYFLY_OPTION_INVALID' }
    expect(() => vm.port(0)).toThrow(expect.objectContaining(refused))
    expect(() => vm.port(65_536)).toThrow(expect.objectContaining(refused))
    expect(() => vm.sysctl('../../etc/passwd')).toThrow(expect.objectContaining(refused))
    expect(() => vm.interface('a/b')).toThrow(expect.objectContaining(refused))
    expect(() => vm.process('')).toThrow(expect.objectContaining(refused))
  })
})

/** Returns when both ports are bound; what has them goes on, under a title of its own, as many servers do. */
const LISTENER = `socket(T, 2, 1, 0) or die; bind(T, pack("S n C4 x8", 2, 8080, 127, 0, 0, 1)) or die $!; listen(T, 1) or die;
  socket(U, 2, 2, 0) or die; bind(U, pack("S n N x8", 2, 5353, 0)) or die $!; exit if fork;
  $0 = "listener: master"; open($_, "+</dev/null") for *STDIN, *STDOUT, *STDERR; sleep 1000`

/** Prints the pid of a process that has a zombie. */
const ZOMBIE = `$| = 1; pipe(R, W); if ($pid = fork) { print $pid; exit }
  open($_, "+</dev/null") for *STDIN, *STDOUT, *STDERR;
  unless (fork) { $0 = "undead"; exit } sleep 1000`
