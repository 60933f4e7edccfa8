import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { findProcessesByEnvironment, isAlive, killAndWait } from '../host/process-table.js'
import { runTool } from '../host/run-tool.js'
import type { Store } from '../image/store.js'
import { Date } from '../node-globals.js'
import { removeStaging } from './staging.js'
import { SESSION_VARIABLE } from './watchdog.js'

/** A younger directory may belong to a process we cannot see that has not locked it yet. */
const MINIMUM_AGE_MS = 10_000

/** One session's directory, by what its name says of its owner. */
export interface SessionRecord {
  id: string
  directory: string
  pid: number
  startTime: number
}

/** Every session directory in the store, dead or alive. */
export async function listSessions(store: Store): Promise<SessionRecord[]> {
  const names = await readdir(store.sessions).catch(() => [])
  return names.flatMap((id) => {
    const match = /^(\d+)-(\d+)-[0-9a-f]+$/.exec(id)
    return match
      ? [{ id, directory: join(store.sessions, id), pid: Number(match[1]), startTime: Number(match[2]) }]
      : []
  })
}

/** Sessions whose owner is dead, and that nobody looks after. */
export async function findAbandoned(store: Store): Promise<SessionRecord[]> {
  const abandoned: SessionRecord[] = []
  for (const session of await listSessions(store)) {
    if (!isOwnerAlive(session) && (await isAbandoned(session))) abandoned.push(session)
  }
  return abandoned
}

/**
 * Removes sessions whose owner is dead and whose watchdog died too (a killed container, a host that lost power).
 * @returns the ids of the sessions that were removed.
 */
export async function sweep(store: Store): Promise<string[]> {
  const swept: string[] = []
  for (const session of await findAbandoned(store)) {
    await killAndWait(await findProcessesByEnvironment(SESSION_VARIABLE, session.id), 10_000)
    await removeStaging(session.directory)
    await rm(session.directory, { recursive: true, force: true })
    swept.push(session.id)
  }
  return swept
}

/** Whether the owner runs, as far as it can be seen from this pid namespace. */
export function isOwnerAlive({ pid, startTime }: SessionRecord): boolean {
  return isAlive(pid, startTime)
}

/** Whether nobody holds the lock that a living watchdog holds, seen from any pid namespace. */
export async function isAbandoned({ directory }: SessionRecord): Promise<boolean> {
  const { mtimeMs } = await stat(directory).catch(() => ({ mtimeMs: Date.now() }))
  if (Date.now() - mtimeMs < MINIMUM_AGE_MS) return false
  const { exitCode } = await runTool('flock', ['--nonblock', join(directory, 'alive'), 'true'])
  // undefined: there is no flock here, and the owner's pid is all we know.
  return exitCode === 0 || exitCode === undefined
}
