import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { killAndWait, processStartTime } from '../host/process-table.js'
import { forwardedPort } from '../qemu/forwarded-port.js'
import type { QmpClient } from '../qemu/qmp.js'
import { processesOf } from './look.js'
import { openMonitor } from './monitor.js'
import { type Machine, type MachineProcess, writeRecord } from './record.js'

/** QEMU writes it itself, before it listens. */
export const PID_FILE = 'qemu.pid'

/** A QEMU that was started answers at once, or never. */
const ANSWER_MS = 10_000

/**
 * Makes a record whole that a start has left half-way: of the QEMU that runs it learns pid and port; one that does not answer is ended.
 * For whoever holds the machine's lock.
 */
export async function settle(machine: Machine): Promise<Machine> {
  const { directory, record } = machine
  const { run } = record
  if (!run || run.process) return machine
  const pids = await processesOf(directory)
  if (pids.length === 0) return machine
  try {
    await using monitor = await openMonitor(run, 'qmp', AbortSignal.timeout(ANSWER_MS))
    const process = await processOf(machine, monitor.qmp)
    return await writeRecord(directory, { ...record, run: { ...run, process } })
  } catch {
    await killAndWait(await processesOf(directory), ANSWER_MS)
    return machine
  }
}

/** What can be known of a QEMU once it has greeted. */
export async function processOf({ directory, record }: Machine, qmp: QmpClient): Promise<MachineProcess> {
  const pid = Number(await readFile(join(directory, PID_FILE), 'utf8'))
  const { mode } = record.guest.network
  const ssh = mode === 'user' ? { host: '127.0.0.1', port: await forwardedPort(qmp, 22) } : undefined
  return { pid, startTime: processStartTime(pid) ?? 0, ssh }
}
