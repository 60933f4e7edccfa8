import { MayflyError } from '../errors.js'
import type { QemuProcess } from '../qemu/process.js'

/** A lost connection is a symptom; if the machine died, that is the cause. Any other error is as it was. */
export async function explainLost(error: unknown, qemu: QemuProcess, name: string): Promise<unknown> {
  if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_SSH_FAILED') return error
  if (await qemu.ending())
    return qemu.exitError('MAYFLY_QEMU_EXITED', `${name}: QEMU exited while a command was running`)
  return error.withDetails(qemu.console.tail().map((line) => `console: ${line}`))
}
