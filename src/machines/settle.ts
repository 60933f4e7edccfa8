import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { killAndWait, type ProcessIdentity, processStartTime } from '../host/process-table.js'
import { AbortSignal } from '../node-globals.js'
import { forwardedPort } from '../qemu/forwarded-port.js'
import { processesOf } from './look.js'
import { openMonitor } from './monitor.js'
import { type Machine, writeRecord } from './record.js'

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
    const process = await processOf(directory)
    // One on a bridge is looked for when somebody wants to log in.
    const ssh = run.card.mode === 'user' ? { host: '127.0.0.1', port: await forwardedPort(monitor.qmp, 22) } : undefined
    return await writeRecord(directory, { ...record, run: { ...run, process, ssh } })
  } catch {
    await killAndWait(await processesOf(directory), ANSWER_MS)
    return machine
  }
}

/** Which process a QEMU is that has greeted. */
export async function processOf(directory: string): Promise<ProcessIdentity> {
  const pid = Number(await readFile(join(directory, PID_FILE), 'utf8'))
  return { pid, startTime: processStartTime(pid) ?? 0 }
}
