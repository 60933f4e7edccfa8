import { readFile, stat } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { join } from 'node:path'
import { findProcessesByEnvironment, isAlive } from '../host/process-table.js'
import { AbortSignal } from '../node-globals.js'
import { QmpClient } from '../qemu/qmp.js'
import { openSocket } from './monitor.js'
import type { Machine, MachineRun } from './record.js'

/** Marks every process of a machine, in its environment, from before its first instruction. */
export const MACHINE_VARIABLE = 'MAYFLY_MACHINE'
/** QEMU's exit status, as its shell saw it: see spawn.ts. */
export const EXIT_FILE = 'exit'
export const QEMU_LOG = 'qemu.log'

/** `starting`: QEMU runs, and no command has succeeded in the guest yet. `stopped`: no QEMU runs. */
export type MachineState = 'stopped' | 'starting' | 'running' | 'suspended'

export interface Looked {
  state: MachineState
  /** How it came to be stopped, if it has ever run; what it says of itself, otherwise. */
  note?: string | undefined
  /** When it ended, ISO 8601, as far as that is known. */
  endedAt?: string | undefined
}

/** A monitor that is busy, or a QEMU that hangs, must not hold up a list. */
const LOOK_MS = 500
/** QEMU has more words for a machine whose processors stand still. */
const STANDING = ['paused', 'prelaunch', 'restore-vm', 'postmigrate']

/** What a machine does at this moment. Takes no lock, and changes nothing. */
export async function lookAt(machine: Machine): Promise<Looked> {
  const { run } = machine.record
  if (!run) return { state: 'stopped', ...(await endOf(machine)) }
  if (!(await isRunning(machine))) return { state: 'stopped', ...(await endOf(machine)) }
  const up = run.readyAt === undefined ? 'starting' : 'running'
  if (!run.process) return { state: 'starting' }
  const status = await runState(run)
  if (status !== undefined && STANDING.includes(status)) return { state: 'suspended' }
  if (status === undefined) return { state: up, note: 'its QEMU does not answer at the moment' }
  if (status === 'running') return { state: up }
  return { state: up, note: `QEMU says ${status}` }
}

/** Whether a QEMU of this machine lives. */
export async function isRunning({ directory, record: { run } }: Machine): Promise<boolean> {
  if (!run) return false
  if (run.process) return isAlive(run.process.pid, run.process.startTime)
  // Its start has not come to its end, or was killed on the way.
  return (await processesOf(directory)).length > 0
}

/** Every living process of the machine in `directory`, whatever its record says. */
export async function processesOf(directory: string): Promise<number[]> {
  const pids = await findProcessesByEnvironment(MACHINE_VARIABLE, directory)
  return pids.filter((pid) => isAlive(pid))
}

async function runState(run: MachineRun): Promise<string | undefined> {
  let socket: Socket | undefined
  try {
    socket = await openSocket(run, 'status', AbortSignal.timeout(LOOK_MS))
    const qmp = new QmpClient(socket)
    // Both are sent at once: a list asks fifty machines.
    const [, { status }] = await Promise.all([
      qmp.execute('qmp_capabilities', undefined, LOOK_MS),
      qmp.execute('query-status', undefined, LOOK_MS),
    ])
    return status
  } catch {
    return undefined
  } finally {
    socket?.destroy()
  }
}

/** How the last run of a machine that does not run has ended. */
async function endOf({ directory, record: { run, ended } }: Machine): Promise<Omit<Looked, 'state'>> {
  if (ended) return { note: ended.how, endedAt: ended.at }
  if (!run) return {}
  const path = join(directory, EXIT_FILE)
  try {
    const [status, { mtime }] = await Promise.all([readFile(path, 'utf8'), stat(path)])
    return { note: describeExit(Number(status), await lastWords(directory)), endedAt: mtime.toISOString() }
  } catch {
    const how = run.process ? 'it went down with its host, or everything of it was killed' : 'its start was cut short'
    return { note: how }
  }
}

/** A shell's exit status in words. */
function describeExit(status: number, words: string | undefined): string {
  if (status === 0) return 'the guest powered itself off'
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0]
  if (signal === 'SIGKILL') return 'QEMU was killed (SIGKILL): by somebody, or by the host for want of memory'
  if (signal) return `QEMU was ended by ${signal}`
  return `QEMU failed (exit code ${status})${words ? `: ${words}` : ''}`
}

/** The last line that QEMU has written. */
async function lastWords(directory: string): Promise<string | undefined> {
  const text = await readFile(join(directory, QEMU_LOG), 'utf8').catch(() => '')
  return text.trim().split('\n').pop() || undefined
}
