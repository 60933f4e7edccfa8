import { MayflyError } from '../errors.js'
import { ENDINGS } from '../vm/witness.js'
import { type Fault, failureOf } from './failure.js'
import type { LostMachine, TestMachine } from './machine.js'

export interface Verdict {
  fault: Fault
  /** What tells, if it is not the error. */
  reason: string | undefined
}

export const HARNESS_FAILED = 'this looks like a failure of the harness, not of what you test.'

/** busybox's init, systemd and the kernel, after connections are cut and before the machine is off. */
const GOING_DOWN =
  /The system is going down|systemd-shutdown\[1\]: |Reached target \S*(?:shutdown|poweroff|reboot)\.target|reboot: /

/** Whose failure a test's is: what has become of its machines tells more than its errors do. */
export function judge(
  machines: readonly TestMachine[],
  lost: readonly LostMachine[],
  errors: readonly unknown[],
): Verdict {
  const dead = machines.find(({ vm }) => vm.life.unasked.has('died'))
  if (dead) {
    return { fault: 'harness', reason: `The QEMU of ${dead.name} ended by itself, or was killed by somebody else.` }
  }
  const down = machines.find(({ vm }) => vm.life.unasked.size > 0)
  // A guest that goes down takes its connections with it.
  if (down) {
    const endings = [...down.vm.life.unasked].map((ending) => ENDINGS[ending])
    return { fault: 'product', reason: `${down.name}: ${endings.join(', ')}.` }
  }
  const leaving = machines.find(({ vm }) => GOING_DOWN.test(vm.life.running.qemu.console.tail().join('\n')))
  if (leaving) return { fault: 'product', reason: `${leaving.name}: the guest was going down.` }
  const late = lost.find(({ error }) => error instanceof MayflyError && error.code === 'MAYFLY_ABORTED')
  if (late) return { fault: 'harness', reason: `The time of the test was over before ${late.name} was up.` }
  return { fault: failureOf(new AggregateError(errors)), reason: undefined }
}
