import { setTimeout as delay } from 'node:timers/promises'
import { MayflyError } from '../errors.js'
import type { QemuProcess } from '../qemu/process.js'

const EXIT_GRACE_MS = 250

/** A lost connection is a symptom; if the machine died, that is the cause. Any other error is as it was. */
export async function explainLost(error: unknown, qemu: QemuProcess, name: string): Promise<unknown> {
  if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_SSH_FAILED') return error
  // A dying process closes its sockets a moment before it is seen to end.
  await Promise.race([qemu.exited, delay(EXIT_GRACE_MS, undefined, { ref: false })])
  if (qemu.exit) return qemu.exitError('MAYFLY_QEMU_EXITED', `${name}: QEMU exited while a command was running`)
  return error.withDetails(qemu.console.tail().map((line) => `console: ${line}`))
}
