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
  const late = lost.find(({ error }) => error instanceof MayflyError && error.code === 'MAYFLY_ABORTED')
  if (late) return { fault: 'harness', reason: `The time of the test was over before ${late.name} was up.` }
  return { fault: failureOf(new AggregateError(errors)), reason: undefined }
}
