import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Guest } from '../../guest/spec.js'
import type { Step } from '../../guest/steps.js'
import type { Progress } from '../../host/progress.js'
import { exec } from '../../ssh/exec.js'
import { defineGuest } from '../../vm/define-guest.js'
import { clone } from '../clone.js'
import { type Prepared, prepare } from '../prepare.js'

/** What was made and what was there already, in order, and what was said. */
export interface Report {
  made: string[]
  cached: string[]
  notes: string[]
  progress: Progress
}

/** Keeps what a run says; `onLog` is told each line that a step writes. */
export function report(onLog: (line: string) => void = () => {}): Report {
  const made: string[] = []
  const cached: string[] = []
  const notes: string[] = []
  const progress: Progress = {
    async step(title, work) {
      const result = await work(onLog)
      made.push(title)
      return result
    },
    cached: (title) => void cached.push(title),
    note: (line) => void notes.push(line),
  }
  return { made, cached, notes, progress }
}

/** A small micro guest called `web`, with these steps. */
export function web(...provision: Step[]): Guest {
  return defineGuest({ name: 'web', image: 'micro', memory: '160MiB', provision })
}

/** Seals what is missing of a guest's chain. */
export async function warm(guest: Guest, cacheDir: string): Promise<Report & { prepared: Prepared }> {
  const reported = report()
  const prepared = await prepare(guest, { cacheDir, progress: reported.progress })
  return { ...reported, prepared }
}

/** What a command in a fresh clone prints. */
export async function inClone(prepared: Prepared, command: string): Promise<string> {
  await using machine = await clone(prepared)
  const { stdout, stderr, exitCode } = await exec(machine.connection!, command)
  if (exitCode !== 0) throw new Error(`${command} exited with ${exitCode}: ${stderr}`)
  return stdout
}

/** What a cache's sessions hold besides their claims: nothing, once no machine runs, whatever went wrong. */
export async function leftovers(cacheDir: string): Promise<string[]> {
  const sessions = await readdir(join(cacheDir, 'sessions'))
  const inside = await Promise.all(sessions.map((name) => readdir(join(cacheDir, 'sessions', name))))
  return inside.flat().filter((name) => !['uses', 'alive'].includes(name))
}
