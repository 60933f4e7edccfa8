import { expect } from 'vitest'
import { guestTest } from '../vitest/guest-test.js'
import { pidOf } from './testing/evidence.js'

const test = guestTest({ vm: 'micro', other: { image: 'micro', memory: '300MiB' } })

test('a command in flight is rejected at once, and says why', async ({ vm }) => {
  const checkpoint = await vm.checkpoint('clean')
  const command = vm.exec('echo started > /dev/console; sleep 1000')
  const text = vm.waitForConsoleText('never shown')
  const both = Promise.allSettled([command, text])
  await vm.waitForConsoleText('started')
  const started = performance.now()
  const restoring = vm.restore(checkpoint)
  const [first, second] = await both
  expect(performance.now() - started).toBeLessThan(100)
  expect(first.status === 'rejected' && first.reason).toMatchObject({
    code: 'MAYFLY_VM_RESTORED',
    message: expect.stringMatching(/restored to the checkpoint clean[\s\S]*in flight: exec echo started.*sleep 1000/),
  })
  expect(second.status === 'rejected' && second.reason).toMatchObject({ code: 'MAYFLY_VM_RESTORED' })
  // One that comes meanwhile waits.
  expect(await vm.succeed('echo after; pidof sleep || true')).toBe('after\n')
  await restoring
})

test('a forwarded port stays', async ({ vm }) => {
  await vm.succeed('mkdir -p /srv; echo served > /srv/index.html; httpd -p 0.0.0.0:8080 -h /srv')
  await vm.waitForOpenPort(8080)
  const { host, port } = await vm.forwardPort(8080)
  const checkpoint = await vm.checkpoint()
  await vm.succeed('killall httpd')
  await vm.restore(checkpoint)
  expect(await (await fetch(`http://${host}:${port}/index.html`)).text()).toBe('served\n')
})

test('from any state', async ({ vm }) => {
  await vm.succeed('echo mark > /dev/shm/mark')
  const checkpoint = await vm.checkpoint()
  const restored = async () => {
    await vm.restore(checkpoint)
    expect(vm.state).toBe('running')
    expect(await vm.succeed('cat /dev/shm/mark')).toBe('mark\n')
  }
  await vm.crash()
  await restored()
  await vm.shutdown()
  expect(vm.state).toBe('stopped')
  await expect(vm.checkpoint()).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
  await restored()
  await vm.suspend()
  await restored()
  await vm.exec('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger').catch(() => {})
  expect(vm.state).toBe('crashed')
  await expect(vm.checkpoint()).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
  await restored()
  await vm.destroy()
  await expect(vm.restore(checkpoint)).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
  await expect(vm.checkpoint()).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
})

test('a checkpoint of another kind of machine is refused', async ({ vm, other }) => {
  await expect(vm.restore(await other.checkpoint('theirs'))).rejects.toMatchObject({
    code: 'MAYFLY_OPTION_INVALID',
    message: expect.stringContaining('theirs'),
  })
  expect(vm.state).toBe('running')
})

test('power operations at once take turns, or are refused', async ({ vm }) => {
  await vm.succeed('echo a > /dev/shm/mark')
  const a = await vm.checkpoint('a')
  await vm.succeed('echo b > /dev/shm/mark')
  const [b, c] = await Promise.all([vm.checkpoint('b'), vm.checkpoint('c')])
  await Promise.all([vm.restore(a), vm.restore(b)])
  expect(await vm.succeed('cat /dev/shm/mark')).toBe('b\n')
  await Promise.all([vm.restore(a), vm.checkpoint('d'), vm.suspend()])
  expect(vm.state).toBe('suspended')
  await vm.restore(c)
  const reboot = vm.reboot()
  const rejected = expect(reboot).rejects.toMatchObject({ code: 'MAYFLY_VM_RESTORED' })
  await vm.restore(a)
  await rejected
  expect(await vm.succeed('cat /dev/shm/mark')).toBe('a\n')
})

test('while it boots it is refused', async ({ vm }) => {
  const checkpoint = await vm.checkpoint()
  const reboot = vm.reboot()
  await expect.poll(() => vm.state, { timeout: 30_000, interval: 5 }).toBe('booting')
  await expect(vm.restore(checkpoint)).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
  await expect(vm.checkpoint()).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
  await reboot
  await vm.restore(checkpoint)
  expect(await vm.succeed('echo on')).toBe('on\n')
})

test('destroyed in the middle, nothing is left', async ({ vm }) => {
  const checkpoint = await vm.checkpoint()
  const pid = await pidOf(vm)
  const restoring = vm.restore(checkpoint)
  const refused = expect(restoring).rejects.toMatchObject({ code: expect.stringMatching(/^MAYFLY_/) })
  await expect.poll(() => vm.state, { interval: 1 }).toBe('booting')
  await vm.destroy()
  await refused
  expect(vm.state).toBe('destroyed')
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
