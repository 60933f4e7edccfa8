import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { defaultCacheDir, openStore } from '../image/store.js'
import { currentSession } from '../session/session.js'
import { guestTest } from '../vitest/guest-test.js'
import type { Vm } from './vm.js'

const micro = guestTest('micro')
const debian = guestTest('debian')

const bootId = (vm: Vm) => vm.succeed('cat /proc/sys/kernel/random/boot_id')

describe.each([
  { image: 'micro', test: micro },
  { image: 'debian', test: debian },
])('$image', ({ test }) => {
  test('a resumed machine has the time of now and its own random numbers', async ({ vm }) => {
    const guestNow = Number(
      await vm.succeed('date +%s%N 2>/dev/null | grep -E "^[0-9]{19}$" || echo $(($(date +%s) * 1000000000))'),
    )
    expect(Math.abs(guestNow / 1e6 - Date.now())).toBeLessThan(2000)
  })

  test('suspend stops it, resume lets it go on, with the time of now', async ({ vm }) => {
    await vm.suspend()
    expect(vm.state).toBe('suspended')
    await expect(vm.exec('true')).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
    await vm.resume()
    expect(await vm.succeed('echo on')).toBe('on\n')
  })

  test('reboot comes back as another boot of the same disk', async ({ vm }) => {
    const first = await bootId(vm)
    const disk = (await vm.exec('test -d /scratch')).exitCode === 0 ? '/scratch' : '/root'
    await vm.succeed(`echo kept > ${disk}/mark; sync`)
    await vm.reboot()
    expect(vm.state).toBe('running')
    expect(await bootId(vm)).not.toBe(first)
    expect(await vm.succeed(`cat ${disk}/mark`)).toBe('kept\n')
  })

  test('shutdown turns it off, start boots it again', async ({ vm }) => {
    const first = await bootId(vm)
    await vm.shutdown()
    expect(vm.state).toBe('stopped')
    await expect(vm.exec('true')).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE', hint: 'Call start() first.' })
    await vm.start()
    expect(await bootId(vm)).not.toBe(first)
  })
})

micro('clones of one template have different random numbers', async ({ vm }) => {
  const { launch } = await import('./launch.js')
  await using other = await launch('micro')
  const [one, two] = await Promise.all([vm, other].map((each) => each.succeed('head -c 32 /dev/urandom | sha256sum')))
  expect(one).not.toBe(two)
})

micro('a reboot that the guest itself asks for is a reboot too', async ({ vm }) => {
  const first = await bootId(vm)
  // The answer may be lost with the connection.
  await vm.exec('reboot').catch(() => {})
  await expect.poll(() => bootId(vm).catch(() => first), { timeout: 60_000 }).not.toBe(first)
})

micro('a lost connection is made again', async ({ vm }) => {
  const lost = vm.exec('kill -KILL $PPID; sleep 1000')
  await expect(lost).rejects.toMatchObject({
    code: 'MAYFLY_SSH_FAILED',
    message: expect.stringContaining('kill -KILL'),
  })
  expect(await vm.succeed('echo again')).toBe('again\n')
})

micro('crash is a power cut', async ({ vm }) => {
  await vm.crash()
  expect(vm.state).toBe('crashed')
  await vm.start()
  expect(await vm.succeed('echo back')).toBe('back\n')
})

micro('a kernel panic ends what is waiting, at once', async ({ vm }) => {
  const panicking = vm.exec('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger')
  await expect(panicking).rejects.toMatchObject({
    code: 'MAYFLY_GUEST_PANIC',
    message: expect.stringContaining('sysrq triggered crash'),
  })
  expect(vm.state).toBe('crashed')
})

micro('the death of QEMU ends what is waiting, at once', async ({ vm }) => {
  const waiting = vm.exec('sleep 1000')
  await vm.succeed('true')
  process.kill(await pidOf(vm), 'SIGKILL')
  await expect(waiting).rejects.toMatchObject({
    code: 'MAYFLY_QEMU_EXITED',
    message: expect.stringContaining('SIGKILL'),
  })
})

micro('destroy may be called from any state, and more than once', async ({ vm }) => {
  await vm.suspend()
  await Promise.all([vm.destroy(), vm.destroy()])
  await vm.destroy()
  expect(vm.state).toBe('destroyed')
  await expect(vm.exec('true')).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
})

micro('what is under way when it is destroyed says what that was, and what may be wrong', async ({ vm }) => {
  const running = expect(vm.succeed('echo started; sleep 60', { onStdout: () => void vm.destroy() })).rejects
  await running.toMatchObject({
    code: 'MAYFLY_VM_STATE',
    shortMessage: 'micro was destroyed during: exec echo started; sleep 60',
    hint: 'It is gone; was a promise not awaited before the test ended?',
  })
})

micro('a forwarded port leads to a service of the guest, also after a reboot', async ({ vm }) => {
  const serve = 'mkdir -p /srv; echo served > /srv/index.html; httpd -p 0.0.0.0:8080 -h /srv'
  await vm.succeed(serve)
  await vm.waitForOpenPort(8080)
  const { host, port } = await vm.forwardPort(8080)
  expect(await (await fetch(`http://${host}:${port}/index.html`)).text()).toBe('served\n')
  await vm.reboot()
  await vm.succeed(serve)
  expect(await (await fetch(`http://${host}:${port}/index.html`)).text()).toBe('served\n')
})

micro('the console is heard and spoken to', async ({ vm }) => {
  await vm.exec('echo "<1>hello from the kernel" > /dev/kmsg')
  expect(await vm.waitForConsoleText(/hello from the \w+/)).toBe('hello from the kernel')
  expect(await readFile(vm.console.logPath, 'utf8')).toContain('hello from the kernel')
})

micro('a wait in vain says what it waited for, how long, and what it saw last', async ({ vm }) => {
  const wait = vm.waitUntilSucceeds('echo not yet; false', { timeout: '300ms' })
  await expect(wait).rejects.toMatchObject({
    name: 'GuestAssertionError',
    code: 'MAYFLY_WAIT_TIMEOUT',
    message: expect.stringMatching(
      /echo not yet.*\n.*of 300 ms, \d+ attempts; the Vm is running\n.*exit code 1\n.*not yet/,
    ),
  })
})

async function pidOf(vm: Vm): Promise<number> {
  const { directory } = await currentSession(await openStore(defaultCacheDir()))
  return JSON.parse(await readFile(join(directory, vm.id, 'vm.json'), 'utf8')).pid
}
