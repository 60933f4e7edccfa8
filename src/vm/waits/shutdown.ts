import { GuestAssertionError } from '../../errors.js'
import { AbortController, delay } from '../../node-globals.js'
import { formatMilliseconds } from '../../units.js'
import type { Commands } from '../commands.js'
import { comesBack, endOf } from './machine-end.js'
import { allow, type WaitOptions } from './until.js'

/** The machine to power off by itself. */
export function shutDown(vm: Commands, options: WaitOptions): Promise<void> {
  const allowed = allow(vm, options)
  return vm.timeline.during('wait', 'shutdown', async () => {
    const { running } = vm.life
    const { qemu } = running
    const settled = new AbortController()
    const { signal } = settled
    const late = delay(allowed.limitMs, true, { signal })
    try {
      const ended = vm.life.watch('waiting for shutdown', () =>
        Promise.race([qemu.exited, qemu.console.failOnPanic(signal), late]),
      )
      if ((await ended) === true) throw inVain(vm, allowed.elapsedMs, allowed.limitMs, allowed.reason, allowed.hint)
    } finally {
      settled.abort()
    }
    if (await comesBack(vm, running)) {
      throw new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', `${vm.name} rebooted instead of shutting down`)
    }
    if (vm.state !== 'stopped') throw await endOf(vm, running, 'the wait for its shutdown')
  })
}

function inVain(
  vm: Commands,
  elapsedMs: number,
  limitMs: number,
  reason: readonly string[],
  hint: string | undefined,
): GuestAssertionError {
  return new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', `${vm.name}: waited in vain for its shutdown`, {
    details: [
      `gave up after ${formatMilliseconds(elapsedMs)} of ${formatMilliseconds(limitMs)}; the Vm is ${vm.state}`,
      ...reason,
      ...vm.life.running.qemu.console.tail(10).map((line) => `console: ${line}`),
    ],
    hint,
  })
}
