import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { errnoOf } from '../errors.js'
import { delay, performance } from '../node-globals.js'
import * as darwin from './process-table-darwin.js'

/** A process, told apart from a later one with the same pid. */
export interface ProcessIdentity {
  pid: number
  /** From `processStartTime`; the unit is the platform's own, to be compared only. */
  startTime: number
}

interface Stat {
  state: string
  threads: number
  startTime: number
}

/** When `pid` started (Linux: clock ticks since boot), or undefined if there is no such process. A zombie has one too. */
export function processStartTime(pid: number): number | undefined {
  return readStat(pid)?.startTime
}

/** Whether `pid` still runs, and is the process that started at `startTime` if that is given. Zombies are dead. */
export function isAlive(pid: number, startTime?: number): boolean {
  const stat = readStat(pid)
  if (!stat || isDead(stat)) return false
  return startTime === undefined || stat.startTime === startTime
}

/**
 * Pids of every process that was started with NAME=value in its environment, this one included if it was.
 * Only those whose environment we may read, so another user's processes are left alone unless we are root.
 */
export async function findProcessesByEnvironment(name: string, value: string): Promise<number[]> {
  if (process.platform === 'darwin') return darwin.findProcessesByEnvironment(name, value)
  const entry = Buffer.from(`\0${name}=${value}\0`)
  const pids = numeric(await readdir('/proc'))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environ = await readFile(`/proc/${pid}/environ`).catch(() => undefined)
      return environ !== undefined && holds(environ, entry)
    }),
  )
  return pids.filter((_, index) => found[index])
}

/** The same, for exit handlers and other places that cannot wait. */
export function findProcessesByEnvironmentSync(name: string, value: string): number[] {
  if (process.platform === 'darwin') return darwin.findProcessesByEnvironment(name, value)
  const entry = Buffer.from(`\0${name}=${value}\0`)
  return numeric(readdirSync('/proc')).filter((pid) => {
    try {
      return holds(readFileSync(`/proc/${pid}/environ`), entry)
    } catch {
      return false
    }
  })
}

/**
 * SIGKILLs processes and resolves when all are gone or zombies, or after `deadlineMs`, with those that still live.
 * One given with its start time is killed only if that still matches. The calling process is never killed.
 */
export async function killAndWait(
  processes: readonly (number | ProcessIdentity)[],
  deadlineMs: number,
): Promise<number[]> {
  const deadline = performance.now() + deadlineMs
  let left = processes.map(identify).filter((target) => target !== undefined)
  for (const { pid } of left) kill(pid)
  // The kernel tells only a parent about an exit, and these are seldom our children.
  for (let pause = 1; ; pause = Math.min(2 * pause, 20)) {
    left = left.filter(({ pid, startTime }) => isAlive(pid, startTime))
    const remaining = deadline - performance.now()
    if (left.length === 0 || remaining <= 0) return left.map(({ pid }) => pid)
    await delay(Math.min(pause, remaining))
  }
}

function identify(target: number | ProcessIdentity): ProcessIdentity | undefined {
  const pid = typeof target === 'number' ? target : target.pid
  const startTime = typeof target === 'number' ? processStartTime(pid) : target.startTime
  // kill(2) gives 0 and negative numbers another meaning: whole groups.
  if (!(pid > 0) || pid === process.pid || startTime === undefined) return undefined
  return isAlive(pid, startTime) ? { pid, startTime } : undefined
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // Gone already, or not ours: then it is among those that still live.
    if (errnoOf(error) !== 'ESRCH' && errnoOf(error) !== 'EPERM') throw error
  }
}

// proc_pid_stat(5); the name in parentheses may itself hold spaces and parentheses.
function readStat(pid: number): Stat | undefined {
  if (process.platform === 'darwin') return darwin.readStat(pid)
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? 'X', threads: Number(fields[17]), startTime: Number(fields[19]) }
}

// A leader is a zombie before its other threads end, and until then memory, sockets and locks are held.
function isDead({ state, threads }: Stat): boolean {
  return state === 'X' || (state === 'Z' && threads <= 1)
}

function holds(environ: Buffer, entry: Buffer): boolean {
  const first = entry.subarray(1)
  return environ.includes(entry) || environ.subarray(0, first.length).equals(first)
}

function numeric(names: string[]): number[] {
  return names.filter((name) => /^\d+$/.test(name)).map(Number)
}
