import { randomBytes } from 'node:crypto'
import { MayflyError } from '../errors.js'
import { AbortSignal } from '../node-globals.js'
import type { QmpClient } from './qmp.js'

export interface FlattenOptions {
  /** Name of the block node to fill: the layer that the guest writes to. */
  node: string
  /** Name of the node it shall be stacked on afterwards, further down its chain; without one it stands alone. */
  base?: string | undefined
}

/** A disk of gigabytes on a busy host takes minutes; a job that stands still longer than this never ends. */
const DEADLINE_MS = 30 * 60_000

/**
 * Copies into a layer all that the layers between it and its new base hold, whether the guest runs or not; nothing needs those layers then.
 * @throws MayflyError MAYFLY_QMP_COMMAND_FAILED with QEMU's words, MAYFLY_QEMU_EXITED; the chain is then as it was.
 * @see https://www.qemu.org/docs/master/interop/live-block-operations.html
 */
export async function flatten(qmp: QmpClient, { node, base }: FlattenOptions): Promise<void> {
  const job = `flatten-${randomBytes(4).toString('hex')}`
  // Listening first, and waiting for both at once: if the command is refused, nobody else hears of the event that never comes.
  const ended = qmp.nextEvent(
    ({ event, data }) => (event === 'BLOCK_JOB_COMPLETED' || event === 'BLOCK_JOB_CANCELLED') && data?.device === job,
    AbortSignal.timeout(DEADLINE_MS),
  )
  const args = { 'job-id': job, device: node, ...(base === undefined ? {} : { 'base-node': base }) }
  const [{ event, data }] = await Promise.all([ended, qmp.execute('block-stream', args)])
  if (event === 'BLOCK_JOB_COMPLETED' && data?.error === undefined) return
  throw new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU could not flatten ${node}`, {
    details: [typeof data?.error === 'string' ? data.error : 'the job was cancelled'],
  })
}
