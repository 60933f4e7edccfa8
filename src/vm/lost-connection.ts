import { MayflyError } from '../errors.js'
import { ENDINGS, type Witness } from './witness.js'
import { HINTS, type VmState } from './wrong-state.js'

/** A lost connection is a symptom; if the machine went down, that is the cause, and who brought it down tells whose failure it is. */
export async function explainLost(
  error: unknown,
  witness: Witness,
  { name, state, what }: { name: string; state: VmState; what: string },
): Promise<unknown> {
  if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_SSH_FAILED') return error
  const { qemu } = witness
  const console = qemu.console.tail().map((line) => `console: ${line}`)
  if (!(await qemu.ending())) return error.withDetails(console)
  // The connection's end may be read before the machine's.
  if (qemu.console.panicError) return qemu.console.panicError
  if (witness.died) return qemu.exitError('MAYFLY_QEMU_EXITED', `${name}: QEMU exited while a command was running`)
  if (witness.ending === 'died' && state === 'destroyed') {
    return new MayflyError('MAYFLY_VM_STATE', `${name} was destroyed during: ${what}`, { hint: HINTS[state] })
  }
  if (witness.ending === 'died') {
    const message = `${name} was crashed or restored during: ${what}`
    return new MayflyError('MAYFLY_VM_STATE', message, { details: console })
  }
  return new MayflyError('MAYFLY_GUEST_DOWN', `${name}: ${ENDINGS[witness.ending!]} while a command was running`, {
    details: console,
  })
}
