import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { MIB } from '../units.js'

/** As much as a guest sends in a few minutes. */
export const GIGABYTE = 1_000_000_000

/**
 * A socket into which another process writes as fast as it is read.
 * @param what a shell command whose output it is. Default: a line of `bytes` letters that does not end.
 */
export function flood({ bytes = GIGABYTE, what = "tr '\\0' A </dev/zero" }: { bytes?: number; what?: string } = {}): {
  stream: Duplex
  /** Settles when all was read. */
  ended: Promise<unknown>
  stop(): Promise<void>
} {
  const child: ChildProcess = spawn('/bin/sh', ['-c', `${what} | head -c ${bytes} >&3`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
  })
  const stream = child.stdio[3] as unknown as Duplex
  const exited = once(child, 'exit')
  return {
    stream,
    ended: once(stream, 'close'),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL')
      await exited
    },
  }
}

export interface Footprint {
  /** By how much the process has grown at most. */
  grownMiB: number
  /** The longest time for which nothing else could run because this process was busy, rather than others of the host. */
  stallMs: number
}

const LOOK_MS = 10

/** What this process takes from now on, until the result is called. */
export function measure(): () => Footprint {
  ;(globalThis as { gc?: () => void }).gc?.()
  const before = process.memoryUsage.rss()
  let [peak, stallMs, last, cpu] = [before, 0, performance.now(), process.cpuUsage()]
  const look = () => {
    const now = performance.now()
    const { user, system } = process.cpuUsage(cpu)
    stallMs = Math.max(stallMs, Math.min(now - last - LOOK_MS, (user + system) / 1000))
    ;[last, cpu] = [now, process.cpuUsage()]
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  const timer = setInterval(look, LOOK_MS)
  return () => {
    clearInterval(timer)
    look()
    return { grownMiB: (peak - before) / MIB, stallMs }
  }
}

/** What reading a flood to its end costs. */
export async function costOf({ ended, stop }: ReturnType<typeof flood>): Promise<Footprint> {
  const footprint = measure()
  try {
    await ended
  } finally {
    await stop()
  }
  return footprint()
}

/** What a flood may cost. */
export const MOST_MIB = 64
export const MOST_STALL_MS = 200
