import { MayflyError } from '../errors.js'
import { ENDINGS, type Witness } from './witness.js'

/** A lost connection is a symptom; if the machine went down, that is the cause, and who brought it down tells whose failure it is. */
export async function explainLost(error: unknown, witness: Witness, name: string): Promise<unknown> {
  if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_SSH_FAILED') return error
  const { qemu } = witness
  const console = qemu.console.tail().map((line) => `console: ${line}`)
  if (!(await qemu.ending())) return error.withDetails(console)
  if (witness.died) return qemu.exitError('MAYFLY_QEMU_EXITED', `${name}: QEMU exited while a command was running`)
  if (witness.ending === 'died') {
    const what = `${name} was crashed, restored or destroyed while a command was running`
    return new MayflyError('MAYFLY_VM_STATE', what, { details: console })
  }
  return new MayflyError('MAYFLY_GUEST_DOWN', `${name}: ${ENDINGS[witness.ending!]} while a command was running`, {
    details: console,
  })
}
