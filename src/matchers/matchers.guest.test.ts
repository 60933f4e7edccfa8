import { createHash } from 'node:crypto'
import { describe, expect } from 'vitest'
import { guestTest } from '../vitest/guest-test.js'
import './index.js'
import { failureOf, messageOf } from './testing/failure-of.js'

const micro = guestTest('micro', { scope: 'file' })
const debian = guestTest('debian', { scope: 'file' })

const FILES = `mkdir -p /srv/site/empty; cd /srv/site
  printf 'listen 80;\\nroot /srv;\\n' >site.conf; chmod 640 site.conf; chown 65534:0 site.conf
  ln -sfn ../site/site.conf enabled; ln -sfn gone dead`

describe.each([
  { image: 'micro', test: micro, server: 'dropbear' },
  { image: 'debian', test: debian, server: 'sshd' },
])('on $image', ({ image, test, server }) => {
  const DIGEST = createHash('sha256').update('listen 80;\nroot /srv;\n').digest('hex')
  test.beforeAll(async ({ vm }) => {
    await vm.succeed(FILES)
  })

  test('what holds passes', async ({ vm }) => {
    const file = vm.file('/srv/site/site.conf')
    await expect(file).toExist()
    await expect(file).toBeFile()
    await expect(file).not.toBeDirectory()
    await expect(file).toContainText('root /srv;')
    await expect(file).toContainText(/^listen \d+;$/m)
    await expect(file).not.toContainText('listen 8080')
    await expect(file).toHaveMode(0o640)
    await expect(file).toHaveMode('u=rw,g=r')
    await expect(file).not.toHaveMode('644')
    await expect(file).toBeOwnedBy('65534')
    await expect(file).toBeOwnedBy('65534:root')
    await expect(file).not.toBeOwnedBy('root')
    await expect(file).toHaveSha256(DIGEST.toUpperCase())
    await expect(vm.file('/srv/site')).toBeDirectory()
    await expect(vm.file('/srv/site/enabled')).toBeSymlinkTo('../site/site.conf')
    await expect(vm.file('/srv/site/enabled')).toBeSymlinkTo('/srv/site/site.conf')
    await expect(vm.file('/srv/site/enabled')).not.toBeSymlinkTo('site.conf')
    await expect(vm.file('/srv/site/dead')).not.toExist()
    await expect(vm.file('/srv/site/dead')).toBeSymlinkTo('gone')
    await expect(vm.port(22)).toBeListening()
    await expect(vm.port(81)).not.toBeListening()
    await expect(vm.process(server)).toBeRunning()
    await expect(vm.process('nginx')).not.toBeRunning()
    await expect(vm.user('root')).toExist()
    await expect(vm.user('root')).toBeInGroup('root')
    await expect(vm.group('nosuch')).not.toExist()
    await expect(vm.mount('/proc')).toBeMounted()
    await expect(vm.mount('/srv')).not.toBeMounted()
    await expect(vm.sysctl('kernel.ostype')).toHaveValue('Linux')
    await expect(vm.sysctl('kernel.panic')).toHaveValue(-1)
    await expect(vm.sysctl('kernel.ostype')).not.toHaveValue(/windows/i)
    await expect(vm.interface('eth0')).toBeUp()
    await expect(vm.interface('eth0')).toHaveAddress('10.0.2.15')
    await expect(vm.interface('eth0')).not.toHaveAddress('10.0.2.15/8')
    await expect(vm.command('exit 3')).toHaveExitCode(3)
    await expect(vm.command('exit 3')).toFail()
    await expect(vm.command('true')).toSucceed()
    await expect(vm.command('false')).not.toSucceed()
    await expect(vm.command('echo one; echo two')).toHaveStdout('one\ntwo')
    await expect(vm.command('echo one; echo two')).toHaveStdout(/^two$/m)
    await expect(vm.command('echo one; echo two')).not.toHaveStdout('one')
    await expect(vm.command('echo one; echo two')).toContainText('one')
    await expect(vm.command('echo no >&2')).toHaveStderr('no')
    const result = await vm.exec('echo out; exit 2')
    await expect(result).toHaveExitCode(2)
    await expect(result).toHaveStdout('out')
  })

  test('a file that is not there: what is in the directory that would have it', async ({ vm }) => {
    const message = `${image}: expected file /srv/site/sites/x to exist, but it does not exist
  in /srv/site there is:
    dead
    empty/
    enabled
    site.conf`
    expect(await messageOf(expect(vm.file('/srv/site/sites/x')).toExist())).toBe(message)
    expect(await messageOf(expect(vm.file('/srv/site/empty/x')).toBeFile())).toBe(
      `${image}: expected file /srv/site/empty/x to be a regular file, but it does not exist\n  /srv/site/empty is empty`,
    )
    expect(await messageOf(expect(vm.file('/srv/site/site.conf/x')).toContainText('x'))).toBe(
      `${image}: expected file /srv/site/site.conf/x to contain "x", but it does not exist\n  /srv/site/site.conf is not a directory`,
    )
    expect(await messageOf(expect(vm.file('/srv/site/dead')).toHaveMode(0o644))).toMatch(
      `${image}: expected file /srv/site/dead to have the mode 644, but it is a symbolic link to gone, which does not exist`,
    )
    expect(await messageOf(expect(vm.file('/srv/site')).not.toExist())).toBe(
      `${image}: expected file /srv/site not to exist, but it is a directory`,
    )
  })

  test('a file that is other than expected: what it is, and a diff', async ({ vm }) => {
    const file = vm.file('/srv/site/site.conf')
    const owner = (await vm.succeed('stat -c %U /srv/site/site.conf')).trim()
    expect(await failureOf(expect(file).toHaveMode('u=rw,go=r'))).toMatchObject({
      message: `${image}: expected file /srv/site/site.conf to have the mode 644, but it has 640`,
      actual: '640',
      expected: '644',
    })
    expect(await failureOf(expect(file).toBeOwnedBy('root:root'))).toMatchObject({
      message: `${image}: expected file /srv/site/site.conf to be owned by root:root, but it belongs to ${owner}:root`,
      actual: `${owner}:root`,
      expected: 'root:root',
    })
    expect(await failureOf(expect(file).toHaveSha256('0'.repeat(64)))).toMatchObject({
      message: `${image}: expected file /srv/site/site.conf to have the SHA-256 ${'0'.repeat(64)}, but it has ${DIGEST}, and 22 bytes`,
      actual: DIGEST,
      expected: '0'.repeat(64),
    })
    expect(await messageOf(expect(file).toContainText(/listen 8080/))).toBe(
      `${image}: expected file /srv/site/site.conf to contain /listen 8080/, but it does not
  content:
    listen 80;
    root /srv;`,
    )
    expect(await messageOf(expect(file).toBeDirectory())).toBe(
      `${image}: expected file /srv/site/site.conf to be a directory, but it is a regular file`,
    )
    expect(await messageOf(expect(file).toBeSymlinkTo('/etc'))).toBe(
      `${image}: expected file /srv/site/site.conf to be a symbolic link to /etc, but it is a regular file, and no link`,
    )
    expect(await failureOf(expect(vm.file('/srv/site/enabled')).toBeSymlinkTo('/etc'))).toMatchObject({
      message: `${image}: expected file /srv/site/enabled to be a symbolic link to /etc, but it is one to ../site/site.conf`,
      actual: '../site/site.conf',
      expected: '/etc',
    })
    // Without a comparison: what was seen is what was not wanted.
    expect(await failureOf(expect(file).not.toHaveMode('640'))).not.toHaveProperty('actual', '640')
  })

  test('a port that is not listened on: what is', async ({ vm }) => {
    const message = await messageOf(expect(vm.port(80)).toBeListening())
    expect(message.split('\n').slice(0, 2)).toEqual([
      `${image}: expected port 80/tcp to be listened on, but it is not listened on`,
      '  what is listened on:',
    ])
    expect(message).toMatch(new RegExp(`^    0\\.0\\.0\\.0:22/tcp by ${server} \\(pid \\d+\\)$`, 'm'))
    expect(await messageOf(expect(vm.port(22)).not.toBeListening())).toMatch(
      `${image}: expected port 22/tcp not to be listened on, but it is listened on: `,
    )
  })

  test('a process, a user, a group, a mount, a setting, an interface that is other than expected', async ({ vm }) => {
    expect(await messageOf(expect(vm.process('nginx')).toBeRunning())).toMatch(
      new RegExp(`^${image}: expected process nginx to be running, but it is not running\n  what runs: .*${server}`),
    )
    expect(await messageOf(expect(vm.user('ada')).toExist())).toMatch(
      `${image}: expected user ada to exist, but it does not exist\n  the users are: root`,
    )
    expect(await messageOf(expect(vm.user('root')).toBeInGroup('wheel'))).toBe(
      `${image}: expected user root to be in the group wheel, but it has the uid 0 and is in root`,
    )
    expect(await messageOf(expect(vm.group('root')).not.toExist())).toBe(
      `${image}: expected group root not to exist, but it has the gid 0 and lists no members`,
    )
    expect(await messageOf(expect(vm.mount('/srv')).toBeMounted())).toMatch(
      `${image}: expected mount /srv to be mounted, but it is not mounted\n  what is mounted:\n`,
    )
    expect(await failureOf(expect(vm.sysctl('kernel.ostype')).toHaveValue('Hurd'))).toMatchObject({
      message: `${image}: expected sysctl kernel.ostype to have the value Hurd, but it is Linux`,
      actual: 'Linux',
      expected: 'Hurd',
    })
    expect(await messageOf(expect(vm.sysctl('kernel.nonsense')).toHaveValue(1))).toMatch(
      `${image}: expected sysctl kernel.nonsense to have the value 1, but it does not exist\n  beside it there is: `,
    )
    expect(await messageOf(expect(vm.interface('eth1')).toBeUp())).toBe(
      `${image}: expected interface eth1 to be up, but it does not exist\n  the interfaces are: eth0, lo`,
    )
    expect(await messageOf(expect(vm.interface('eth0')).toHaveAddress('10.0.2.16'))).toMatch(
      `${image}: expected interface eth0 to have the address 10.0.2.16, but it is up, with 10.0.2.15/24`,
    )
  })

  test('a command that ends otherwise: its output', async ({ vm }) => {
    expect(await messageOf(expect(vm.command('echo part; echo why >&2; exit 4')).toSucceed())).toBe(
      `${image}: expected command echo part; echo why >&2; exit 4 to succeed, but it exited with 4
  stdout:
    part
  stderr:
    why`,
    )
    expect(await messageOf(expect(vm.command(['true'])).toFail())).toBe(
      `${image}: expected command true to fail, but it exited with 0\n  it printed nothing`,
    )
    expect(await messageOf(expect(vm.command('kill -TERM $$')).toHaveExitCode(0))).toMatch(
      'to exit with 0, but it was killed by SIGTERM',
    )
    expect(await failureOf(expect(vm.command('seq 2')).toHaveStdout('1\n3'))).toMatchObject({
      message: `${image}: expected command seq 2 to print "1\\n3", but it exited with 0 and printed something else
  stdout:
    1
    2`,
      actual: '1\n2',
      expected: '1\n3',
    })
    expect(await messageOf(expect(vm.command('seq 30')).toContainText('31'))).toMatch(
      `${image}: expected command seq 30 to contain "31", but it does not; it exited with 0\n  stdout, the last 20 of 30 lines:\n    11\n`,
    )
    expect(await messageOf(expect(await vm.exec('exit 5')).toSucceed())).toBe(
      'expected the command to succeed, but it exited with 5\n  it printed nothing',
    )
  })

  test('each is one entry of the timeline', async ({ vm }) => {
    const before = vm.timeline.entries.length
    await expect(vm.file('/srv/site')).toBeDirectory()
    await messageOf(expect(vm.file('/srv/site')).not.toHaveMode('755'))
    await messageOf(expect(vm.command('echo 1; false')).toSucceed())
    await messageOf(expect(vm.sysctl('no.such')).toHaveValue('1'))
    const entries = vm.timeline.entries.slice(before).filter(({ kind }) => kind !== 'console')
    expect(entries.map(({ kind, title, result, failed }) => ({ kind, title, result, failed }))).toEqual([
      { kind: 'check', title: 'file /srv/site toBeDirectory', result: 'is a directory', failed: false },
      { kind: 'check', title: 'file /srv/site not.toHaveMode "755"', result: 'has 755', failed: true },
      { kind: 'check', title: 'command echo 1; false toSucceed', result: 'exited with 1', failed: true },
      { kind: 'check', title: 'sysctl no.such toHaveValue "1"', result: 'does not exist', failed: true },
    ])
    expect(entries[2]).toMatchObject({ stdout: '1\n', stderr: '' })
    expect(entries.every(({ durationMs }) => durationMs !== undefined && durationMs > 0)).toBe(true)
  })

  test('a matcher for something else says what it is for', async ({ vm }) => {
    const error = await failureOf(expect(vm.file('/etc/hosts')).toBeEnabled())
    expect(error).toMatchObject({
      code: 'MAYFLY_OPTION_INVALID',
      shortMessage: 'toBeEnabled is for services; got a file resource (file /etc/hosts)',
      hint: 'For example: await expect(vm.service(...)).toBeEnabled(...)',
    })
    expect(await messageOf(expect('nginx').toBeRunning())).toMatch(
      'toBeRunning is for services and processes; got a string: "nginx"',
    )
    expect(await messageOf(expect(vm).toExist())).toMatch('got an object of class Vm')
    expect(await messageOf(expect(vm.file('/etc').mode()).toHaveMode('755'))).toMatch(
      /got a promise .*\n.*Await the value/,
    )
    await expect(expect(vm.file('/etc')).toHaveMode('rwx')).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
    await expect(expect(vm.file('/etc')).toBeOwnedBy('a:b:c')).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
  })
})
