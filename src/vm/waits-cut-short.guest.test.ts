import { describe, expect } from 'vitest'
import { MayflyError } from '../errors.js'
import { guestTest } from '../vitest/guest-test.js'

const micro = guestTest('micro')
const debian = guestTest('debian')

async function failureOf(wait: Promise<unknown>): Promise<MayflyError> {
  const error: unknown = await wait.catch((error) => error)
  if (!(error instanceof MayflyError)) throw new Error(`no error of ours: ${error}`)
  return error
}

describe.each([
  { image: 'micro', test: micro },
  { image: 'debian', test: debian },
])('on $image', ({ image, test }) => {
  test('a panic ends every wait at once', async ({ vm }) => {
    const waits = [vm.waitForFile('/never'), vm.waitUntilSucceeds('false'), vm.waitForConsoleText('never')].map(
      failureOf,
    )
    await vm.succeed('echo 1 >/proc/sys/kernel/sysrq')
    const started = performance.now()
    vm.exec('echo c >/proc/sysrq-trigger').catch(() => {})
    for (const error of await Promise.all(waits)) {
      expect(error.message).toContain('Kernel panic - not syncing: sysrq triggered crash')
      expect(error.code).toBe('MAYFLY_GUEST_PANIC')
    }
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  test('a power cut ends every wait at once', async ({ vm }) => {
    const waits = [vm.waitForFile('/never'), vm.waitUntilSucceeds('false'), vm.waitForConsoleText('never')].map(
      failureOf,
    )
    await vm.succeed('true')
    const started = performance.now()
    await vm.crash()
    for (const error of await Promise.all(waits)) {
      expect(error.name).toBe('MayflyError')
      expect(error.message).toMatch(/crashed/)
    }
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  test('a restore rejects every wait', async ({ vm }) => {
    const checkpoint = await vm.checkpoint('before')
    const waits = [vm.waitForFile('/never'), vm.waitForOpenPort(81), vm.waitForConsoleText('never')].map(failureOf)
    await vm.succeed('true')
    await vm.restore(checkpoint)
    for (const error of await Promise.all(waits)) {
      expect(error.code).toBe('MAYFLY_VM_RESTORED')
      expect(error.message).toMatch(/in flight: waiting for/)
    }
    await vm.waitForOpenPort(22)
  })

  test('a shutdown from inside, and none', async ({ vm }) => {
    const vain = await failureOf(vm.waitForShutdown({ timeout: '300ms' }))
    expect(vain.message).toMatch(
      /waited in vain for its shutdown .*\n {2}gave up after 3\d\d ms of 300 ms; the Vm is running/,
    )
    const waiting = vm.waitForShutdown()
    vm.exec('poweroff').catch(() => {})
    await waiting
    expect(vm.state).toBe('stopped')
    await vm.waitForShutdown()
    const error = await failureOf(vm.waitForFile('/x'))
    expect(error.message).toContain(`cannot look at the guest: ${image} is stopped`)
    await vm.start()
    const rebooted = failureOf(vm.waitForShutdown())
    vm.exec('reboot').catch(() => {})
    expect((await rebooted).message).toContain('rebooted instead of shutting down')
    await vm.waitForOpenPort(22)
  })
})
