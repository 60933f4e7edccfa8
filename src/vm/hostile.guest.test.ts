import { describe, expect } from 'vitest'
import { guestTest } from '../vitest/index.js'

const micro = guestTest('micro')
const PANIC = 'Kernel panic - not syncing'

describe('panics', () => {
  micro('a program that prints what a panicking kernel prints does not end the machine', async ({ vm }) => {
    const waiting = vm.waitForConsoleText('the end', { timeout: '30s' })
    const busy = vm.exec('sleep 3; echo done')
    await vm.succeed(`for i in 1 2 3; do echo "[    4.2] ${PANIC}: told $i" >/dev/console; done`)
    expect(await vm.succeed('echo alive')).toBe('alive\n')
    expect((await busy).stdout).toBe('done\n')
    await vm.succeed('echo the end >/dev/console')
    expect(await waiting).toBe('the end')
    expect(vm.state).toBe('running')
    expect(vm.timeline.entries.map(({ title }) => title)).toContainEqual(
      `the console shows "${PANIC}: told 1", but the kernel goes on`,
    )
  })

  micro('a kernel that loops after its panic is told from one that goes on', async ({ vm }) => {
    const started = performance.now()
    const panicking = vm.exec(
      'echo 0 >/proc/sys/kernel/panic; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger',
    )
    await expect(panicking).rejects.toMatchObject({
      code: 'MAYFLY_GUEST_PANIC',
      shortMessage: expect.stringContaining(`${PANIC}: sysrq triggered crash`),
    })
    expect(performance.now() - started).toBeLessThan(20_000)
    expect(vm.state).toBe('crashed')
  })
})
