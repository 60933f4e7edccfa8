import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Guest } from '../../guest/spec.js'
import type { Progress } from '../../host/progress.js'
import { closeSession } from '../../session/session.js'
import { exec } from '../../ssh/exec.js'
import { defineGuest, type GuestSpec } from '../../vm/define-guest.js'
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
  const [made, cached, notes]: string[][] = [[], [], []]
  return {
    made: made!,
    cached: cached!,
    notes: notes!,
    progress: {
      async step(title, work) {
        const result = await work(onLog)
        made!.push(title)
        return result
      },
      cached: (title) => void cached!.push(title),
      note: (line) => void notes!.push(line),
    },
  }
}

/** A micro guest called `name`, with these steps. */
export function microWith(name: string, provision: GuestSpec['provision']): Guest {
  return defineGuest({ name, image: 'micro', memory: '160MiB', provision })
}

/** Seals what is missing of a guest's chain. */
export async function seal(guest: Guest, cacheDir: string): Promise<Report & { prepared: Prepared }> {
  const reported = report()
  const prepared = await prepare(guest, { cacheDir, progress: reported.progress })
  return { ...reported, prepared }
}

/** What a command in a fresh clone prints. */
export async function inClone(prepared: Prepared, command: string): Promise<string> {
  await using machine = await clone(prepared)
  const { stdout, stderr, exitCode } = await exec(machine.connection, command)
  if (exitCode !== 0) throw new Error(`${command} exited with ${exitCode}: ${stderr}`)
  return stdout
}

/** Ends this process's session in a cache, with its claims, as if another process came next. */
export async function anotherProcess(cacheDir: string): Promise<void> {
  await closeSession(cacheDir)
}

/** What half-made things a cache holds: none, whatever went wrong. */
export async function leftovers(cacheDir: string): Promise<string[]> {
  const sessions = await readdir(join(cacheDir, 'sessions'))
  const inside = await Promise.all(sessions.map((name) => readdir(join(cacheDir, 'sessions', name))))
  return inside.flat().filter((name) => !['uses', 'alive'].includes(name))
}

export { onTestFinished }
