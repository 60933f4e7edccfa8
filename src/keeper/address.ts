import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type ProcessIdentity, processStartTime } from '../host/process-table.js'
import { temporaryDirectory } from '../host/temporary-directory.js'
import type { Store } from '../image/store.js'
import { readSealed, writeSealed } from '../sealed-json.js'
import type { Session } from '../session/session.js'
import { listSessions } from '../session/sweep.js'

/** In a keeper's session directory: whose keeper it is, and where its socket is. */
const RECORD = 'keeper.json'
/** The longest path of a socket, without the NUL that ends it: 108 bytes on Linux, 104 on macOS. */
const LONGEST_PATH = 103

interface KeeperRecord {
  name: string
  socket: string
}

const keeperSchema: z.ZodType<KeeperRecord> = z.object({ name: z.string(), socket: z.string() })

/** What a keeper is told at its start. */
export interface KeeperStart {
  /** Without it the keeper has no purpose. */
  owner: ProcessIdentity
  cacheDir: string
  name: string
}

/** The keeper of a process, and of what else its machines depend on: two that differ in it are kept apart. */
export function keeperName(ownerPid: number, env: NodeJS.ProcessEnv = process.env): string {
  const names = Object.keys(env).filter((variable) => variable === 'PATH' || variable.startsWith('MAYFLY_'))
  const settings = names.sort((a, b) => a.localeCompare(b)).map((variable) => [variable, env[variable]])
  const digest = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 16)
  return `${ownerPid}-${processStartTime(ownerPid) ?? 0}-${digest}`
}

/** The sockets of keepers of this name, usually one or none. */
export async function findSockets(store: Store, name: string): Promise<string[]> {
  const sessions = await listSessions(store)
  const records = await Promise.all(sessions.map(({ directory }) => readSealed(join(directory, RECORD), keeperSchema)))
  return records.flatMap((record) => (typeof record === 'object' && record.name === name ? [record.socket] : []))
}

/** Where a keeper's socket goes: into its session, which only its user may enter, unless that path is too long for a socket. */
export async function socketPath(session: Session): Promise<string> {
  const path = join(session.directory, 'keeper')
  if (Buffer.byteLength(path) <= LONGEST_PATH) return path
  const directory = join(temporaryDirectory(), `${session.scratchPrefix}k`)
  await mkdir(directory, { mode: 0o700 })
  return join(directory, 'keeper')
}

/** From now on it can be found. */
export async function publishKeeper(session: Session, record: KeeperRecord): Promise<void> {
  await writeSealed(join(session.directory, RECORD), record)
}
