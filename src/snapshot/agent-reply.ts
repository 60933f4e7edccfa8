import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import type { QemuProcess } from '../qemu/process.js'

/** Longer than any agent needs, also in a guest that is emulated on a busy host. */
const REPLY_TIMEOUT_MS = 60_000

/** An agent's reply, or why there will be none: QEMU's end, or silence. */
export function agentReply(request: string, reply: Promise<void>, qemu: QemuProcess): Promise<void> {
  return within(Promise.race([reply, qemu.failOnExit()]), REPLY_TIMEOUT_MS, () => {
    return new MayflyError(
      'MAYFLY_WAIT_TIMEOUT',
      `the guest's agent did not answer ${request} within ${REPLY_TIMEOUT_MS} ms`,
      {
        details: qemu.console.tail().map((line) => `console: ${line}`),
      },
    )
  })
}
