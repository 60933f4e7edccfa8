import { access, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive } from '../host/process-table.js'
import type { Store } from '../image/store.js'
import { readSealed, writeSealed } from '../sealed-json.js'
import { isAbandoned, isOwnerAlive, listSessions, type SessionRecord } from './sweep.js'

/** What a Vm's `vm.json` says of it. */
export interface VmRecord {
  id: string
  /** Its guest's name. */
  name: string
  /** Of its QEMU; see `alive`. */
  pid: number
  /** Where its SSH server is; nowhere without a network, or until that is known. */
  sshHost?: string | undefined
  sshPort?: number | undefined
  /** Who may log in, and the key (one line) that the server must show. */
  login?: { user: string; privateKeyPath: string; hostKey: string } | undefined
  startedAt: string
  /** Directories it was made from. */
  template?: string
  image?: string
}

export interface ListedVm extends VmRecord {
  directory: string
  alive: boolean
  /** Why its record cannot be used; then all that is known is its directory. */
  damage?: string | undefined
  /** Nobody has taken it yet, and it stands still. */
  pooled: boolean
}

export interface ListedSession extends SessionRecord {
  /** Dead: its owner is gone, and nobody cleans up after it. The next start of Mayfly, or `mayfly gc`, does. */
  alive: boolean
  vms: ListedVm[]
}

const VM_RECORD = 'vm.json'
/** Stands in the directory of a machine that sleeps in a pool, until somebody takes it. */
export const POOLED = 'pooled'

/** Every session in the store and its Vms, dead ones included. */
export async function listSessionsAndVms(store: Store): Promise<ListedSession[]> {
  const sessions = await listSessions(store)
  return await Promise.all(
    sessions.map(async (session) => ({
      ...session,
      alive: isOwnerAlive(session) || !(await isAbandoned(session)),
      vms: await listVms(session.directory),
    })),
  )
}

async function listVms(sessionDirectory: string): Promise<ListedVm[]> {
  const names = await readdir(sessionDirectory).catch(() => [])
  const vms = await Promise.all(names.map((name) => readVm(join(sessionDirectory, name), name)))
  return vms.filter((vm) => vm !== undefined)
}

/** Undefined for another kind of entry, and for a Vm that is being started or destroyed. */
async function readVm(directory: string, name: string): Promise<ListedVm | undefined> {
  const path = join(directory, VM_RECORD)
  const made = await stat(path).catch(() => undefined)
  if (!made) return undefined
  // Loaded when there is a record: zod costs more than all the rest of listing none.
  const { vmRecordSchema } = await import('./vm-record-schema.js')
  const record = await readSealed(path, vmRecordSchema)
  if (record === undefined) return undefined
  if (typeof record === 'string') {
    const startedAt = made.mtime.toISOString()
    return { id: name, name, pid: 0, startedAt, directory, alive: false, pooled: false, damage: record }
  }
  const pooled = await access(join(directory, POOLED)).then(
    () => true,
    () => false,
  )
  return { ...record, directory, alive: isAlive(record.pid), pooled }
}

/** Says what other processes may know of a Vm. */
export async function writeVmRecord(directory: string, record: VmRecord): Promise<void> {
  await writeSealed(join(directory, VM_RECORD), record)
}
