// Untested: nobody of us has a Mac. macOS has no /proc, so ps is asked.

import { spawnSync } from 'node:child_process'
import { Date } from '../node-globals.js'

/** State, threads and start time of a process as `ps` shows them; the start time is in milliseconds since 1970. */
export function readStat(pid: number): { state: string; threads: number; startTime: number } | undefined {
  const line = ps(['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)]).trim()
  const [, state, started] = /^(\S)\S*\s+(.*)$/.exec(line) ?? []
  return state && started ? { state, threads: 1, startTime: Date.parse(started) } : undefined
}

/** Pids whose command line and environment, which `ps -E` shows as one line, hold the word NAME=value. */
export function findProcessesByEnvironment(name: string, value: string): number[] {
  return ps(['-axEww', '-o', 'pid=,command='])
    .split('\n')
    .filter((line) => `${line} `.includes(` ${name}=${value} `))
    .map((line) => Number.parseInt(line, 10))
}

function ps(args: string[]): string {
  return spawnSync('ps', args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' },
  }).stdout
}
