import { describe, expect } from 'vitest'
import type { MayflyError } from '../errors.js'
import { guestTest } from '../vitest/guest-test.js'
import type { Vm } from './vm.js'

/** Enough for a look or two of an emulated guest on a busy host. */
const SHORT = '3s'

const micro = guestTest('micro', { scope: 'file' })
const debian = guestTest('debian', { scope: 'file' })

/** The error that a wait ends with, its times and counts made equal. */
async function failureOf(wait: Promise<unknown>): Promise<MayflyError & { text: string }> {
  const error = await wait.then(
    () => Promise.reject(new Error('it should have failed')),
    (error) => error,
  )
  const text = error.message
    .replace(/after [\d.]+ m?s of/g, 'after N of')
    .replace(/\b\d+ attempts?/g, 'N attempts')
    .replace(/over after [\d.]+/g, 'over after N')
  return Object.assign(error, { text })
}

/** What the wait that a timeline holds last came to. */
function lastWait(vm: Vm) {
  return vm.timeline.entries.filter(({ kind }) => kind === 'wait').at(-1)!
}

describe.each([
  { image: 'micro', test: micro },
  { image: 'debian', test: debian },
])('on $image', ({ image, test }) => {
  test('until a command succeeds, afresh each time, as the user wrote it', async ({ vm }) => {
    const command = 'echo x >>/tmp/tries; echo "$A $(pwd)"; [ $(wc -l </tmp/tries) -ge 3 ]'
    expect(await vm.waitUntilSucceeds(command, { cwd: '/usr', env: { A: 'a b' } })).toBe('a b /usr\n')
    expect(lastWait(vm)).toMatchObject({ title: `\`${command}\` to succeed`, result: '3 attempts' })
    expect(await vm.waitUntilSucceeds(['printf', '%s', '$HOME'])).toBe('$HOME')
    expect(vm.timeline.entries.filter(({ kind }) => kind === 'command')).toEqual([])
  })

  test('until a command fails', async ({ vm }) => {
    await vm.succeed('touch /tmp/there')
    const failing = vm.waitUntilFails('cat /tmp/there')
    await vm.succeed('rm /tmp/there')
    expect(await failing).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('No such file') })
  })

  test('in vain: what was awaited, how long, how often, what was seen last', async ({ vm }) => {
    const error = await failureOf(vm.waitUntilSucceeds('echo not yet; echo why >&2; exit 3', { timeout: SHORT }))
    expect(error).toMatchObject({ name: 'GuestAssertionError', code: 'MAYFLY_WAIT_TIMEOUT' })
    expect(
      error.text,
    ).toBe(`${image}: waited in vain for \`echo not yet; echo why >&2; exit 3\` to succeed [MAYFLY_WAIT_TIMEOUT]
  gave up after N of 3.0 s, N attempts; the Vm is running
  last: exit code 3
    not yet
    why`)
    expect(lastWait(vm)).toMatchObject({ failed: true, result: error.message })
    expect(lastWait(vm).durationMs).toBeGreaterThan(1000)
    expect(lastWait(vm).durationMs).toBeLessThan(3500)
  })

  test('a command that hangs is killed at the deadline, and what it printed is shown', async ({ vm }) => {
    const error = await failureOf(vm.waitUntilSucceeds('echo begun; sleep 1010', { timeout: SHORT }))
    expect(error.text).toBe(`${image}: waited in vain for \`echo begun; sleep 1010\` to succeed [MAYFLY_WAIT_TIMEOUT]
  gave up after N of 3.0 s, N attempts; the Vm is running
  last: not over after N s
  stdout: begun`)
    await vm.waitUntilFails('pidof sleep')
  })

  test('a port that opens and closes, without a connection to it', async ({ vm }) => {
    const opened = vm.waitForOpenPort(8080)
    expect(lastWait(vm).durationMs).toBeUndefined()
    await listen(vm, 2, 'pack("S n C4 x8", 2, 8080, 127, 0, 0, 1)')
    await opened
    await vm.waitForOpenPort(8080, { address: '127.0.0.1' })
    await vm.waitForOpenPort(8080, { address: 'localhost' })
    await vm.waitForClosedPort(8080, { address: '::1' })
    const error = await failureOf(vm.waitForOpenPort(8080, { address: '10.0.2.15', timeout: SHORT }))
    expect(error.text).toBe(`${image}: waited in vain for port 8080 on 10.0.2.15 to be open [MAYFLY_WAIT_TIMEOUT]
  gave up after N of 3.0 s, N attempts; the Vm is running
  last: 127.0.0.1:8080 is listened on`)
    const closed = vm.waitForClosedPort(8080)
    await vm.waitForFile('/tmp/listener')
    await vm.succeed('kill $(cat /tmp/listener); rm /tmp/listener')
    await closed
    expect((await failureOf(vm.waitForOpenPort(8080, { timeout: SHORT }))).text).toMatch(
      /\n {2}last: it is not listened on; these are: 0\.0\.0\.0:22(, \[::\]:22)?$/,
    )
    const still = await failureOf(vm.waitForClosedPort(22, { timeout: SHORT }))
    expect(still.text).toMatch(/port 22 to be closed .*\n.*\n {2}last: 0\.0\.0\.0:22(, \[::\]:22)? is listened on$/)
  })

  test('what is no port and no address is refused', async ({ vm }) => {
    await expect(vm.waitForOpenPort(0)).rejects.toThrow('not a TCP port: 0')
    await expect(vm.waitForOpenPort(80, { address: 'web' })).rejects.toThrow('not an IP address: "web"')
    await expect(vm.waitForOpenPort(80, { timeout: 'soon' })).rejects.toThrow('timeout is not a duration: "soon"')
  })

  test('a file, and how far its path exists', async ({ vm }) => {
    const path = "/tmp/some dir/it's/here"
    const error = await failureOf(vm.waitForFile(path, { timeout: SHORT }))
    expect(error.text).toBe(`${image}: waited in vain for file ${path} [MAYFLY_WAIT_TIMEOUT]
  gave up after N of 3.0 s, N attempts; the Vm is running
  last: it does not exist; of its path there is /tmp`)
    await vm.succeed('mkdir -p "/tmp/some dir"; ln -s nowhere /tmp/link')
    expect((await failureOf(vm.waitForFile(path, { timeout: SHORT }))).text).toContain('there is /tmp/some dir')
    expect((await failureOf(vm.waitForFile('/tmp/link', { timeout: SHORT }))).text).toContain(
      'last: it is a symbolic link',
    )
    const waiting = vm.waitForFile(path)
    await vm.writeFile(path, 'x')
    await waiting
  })

  test('a unix socket', async ({ vm }) => {
    const path = '/run/test.socket'
    expect((await failureOf(vm.waitForOpenUnixSocket(path, { timeout: SHORT }))).text).toContain(
      'last: it does not exist',
    )
    await vm.succeed(`touch ${path}`)
    expect((await failureOf(vm.waitForOpenUnixSocket(path, { timeout: SHORT }))).text).toContain('something else')
    await vm.succeed(`rm ${path}`)
    const waiting = vm.waitForOpenUnixSocket('/var/run/test.socket')
    await listen(vm, 1, `pack("S a108", 1, "${path}")`)
    // Where /var/run is another directory, there is none.
    if ((await vm.exec('[ /run -ef /var/run ]')).exitCode === 0) await waiting
    else await Promise.all([vm.waitForOpenUnixSocket(path), vm.succeed(`ln -s ${path} /var/run/`).then(() => waiting)])
    await vm.waitForFile('/tmp/listener')
    await vm.succeed('kill $(cat /tmp/listener)')
    await vm.waitUntilFails('kill -0 $(cat /tmp/listener)')
    expect((await failureOf(vm.waitForOpenUnixSocket(path, { timeout: SHORT }))).text).toContain('nobody listens')
  })

  test('many at once, each sees its own', async ({ vm }) => {
    const files = Array.from({ length: 12 }, (_, index) => `/tmp/many-${index}`)
    const waits = Promise.all(files.map((file) => vm.waitForFile(file, { timeout: '30s' })))
    const vain = failureOf(vm.waitForFile('/tmp/never', { timeout: '500ms' }))
    await vain
    for (const file of files) await vm.succeed(`touch ${file}`)
    await waits
  })

  test('soon after it has come true', async ({ vm }) => {
    await vm.waitForFile('/')
    const waiting = vm.waitForFile('/tmp/soon', { timeout: '30s' })
    let before = 0
    await vm.succeed('sleep 1; touch /tmp/soon; echo now', {
      onStdout: () => {
        before = performance.now()
      },
    })
    await waiting
    // The look after the next pause, on a busy host.
    expect(performance.now() - before).toBeLessThan(2000)
  })

  test('console text that was there, that comes, and that does not', async ({ vm }) => {
    await vm.succeed('echo "<1>first of mine" >/dev/kmsg')
    expect(await vm.waitForConsoleText(/first of \w+/)).toBe('first of mine')
    const waiting = vm.waitForConsoleText('second of mine')
    await vm.succeed('echo "<1>second of mine" >/dev/kmsg')
    expect(await waiting).toBe('second of mine')
    const error = await failureOf(vm.waitForConsoleText(/third of mine/, { timeout: 200 }))
    expect(error.text).toMatch(
      new RegExp(
        `^${image}: waited in vain for console text /third of mine/ \\[MAYFLY_WAIT_TIMEOUT\\]\n {2}gave up after N of 200 ms; the Vm is running\n( {2}console: .*\n)* {2}console: .*second of mine$`,
      ),
    )
  })

  test('a wait goes on through a reboot', async ({ vm }) => {
    const waiting = vm.waitForFile('/run/after-boot', { timeout: '60s' })
    const console = vm.waitForConsoleText('only after the boot', { timeout: '60s' })
    await vm.reboot()
    await vm.succeed('touch /run/after-boot; echo "<1>only after the boot" >/dev/kmsg')
    await waiting
    await console
  })
})

/** A listener whose pid is in /tmp/listener once it listens. `address` is what bind(2) takes, packed by Perl. */
async function listen(vm: Vm, family: number, address: string): Promise<void> {
  const script = `fork and exit; close STDIN; close STDOUT; close STDERR; socket S, ${family}, 1, 0 or die;
    bind S, ${address} or die; listen S, 5 or die;
    open $f, ">", "/tmp/listener.new"; print $f $$; close $f; rename "/tmp/listener.new", "/tmp/listener"; sleep 1000`
  await vm.succeed(['perl', '-e', script])
}
