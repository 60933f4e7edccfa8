import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errnoOf, MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { ProcessIdentity } from '../host/process-table.js'
import type { Image } from '../image/image.js'
import type { NetworkCard } from '../qemu/argv.js'
import { parseSealed, type Schema, writeSealed } from '../sealed-json.js'
import type { SshAddress } from '../snapshot/join-network.js'
import { areSocketsOf } from './sockets.js'

/** Changes whenever an older Mayfly could not make sense of a record. */
export const RECORD_FORMAT = 1
export const RECORD = 'machine.json'

/** What `machine.json` says of a machine. What it is doing is found out by looking: see `lookAt`. */
export interface MachineRecord {
  format: typeof RECORD_FORMAT
  name: string
  createdAt: string
  guest: Guest
  /** What its disk lies on and its kernel comes from, whatever that name means by now. */
  image: Image
  /** Of its image. */
  cacheDir: string
  /** Versioned, so that its snapshots still fit when QEMU is another one. */
  machineType: string
  /** Public key (one line) that its SSH server must show. */
  hostKey: string
  /** Whether it runs Mayfly's agent, as far as that was seen. */
  agent: boolean
  /** How often it was started. */
  starts: number
  /** When the guest's provision steps had all been taken. */
  provisionedAt?: string | undefined
  /** The VMFile that it was made from. */
  vmfile?: string | undefined
  /** Its last start, written before there is a process. */
  run?: MachineRun | undefined
  /** How its last run ended, when that was asked for. */
  ended?: { how: string; at: string } | undefined
}

export interface MachineRun {
  startedAt: string
  /** Directory of its sockets. */
  sockets: string
  /** What its network card is connected to. */
  card: NetworkCard
  /** Known as soon as QEMU has greeted whoever started it. */
  process?: ProcessIdentity | undefined
  /** Where its SSH server is, once that is known; nowhere without a network. */
  ssh?: SshAddress | undefined
  /** When a command first succeeded in it. */
  readyAt?: string | undefined
}

/** One named machine, as its directory says. */
export interface Machine {
  name: string
  directory: string
  record: MachineRecord
}

/** What the members are is judged by `assertSound` before a command acts on the machine: zod takes longer to load than a list to print. */
const anyRecord: Schema<MachineRecord> = { safeParse: (value) => ({ success: true, data: value as MachineRecord }) }

/** The machine in a directory; undefined if there is none. @throws MayflyError MAYFLY_VM_STATE for one that cannot be read. */
export async function readMachine(directory: string): Promise<Machine | undefined> {
  let text: string
  try {
    // A small file is read sooner than somebody else is told to read it, and there may be fifty.
    text = readFileSync(join(directory, RECORD), 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw damaged(directory, [String(error)])
  }
  // Records of older versions have no checksum.
  const record = parseSealed(text, anyRecord, { unsealed: true })
  if (typeof record === 'string') throw damaged(directory, [record])
  if (record.format !== RECORD_FORMAT || typeof record.name !== 'string') {
    throw damaged(directory, [
      `format: ${JSON.stringify(record.format)}, this version of Mayfly knows ${RECORD_FORMAT}`,
    ])
  }
  if (record.name !== basename(directory)) {
    throw damaged(directory, [
      `it is that of ${record.name}: a machine cannot be copied, nor called otherwise, by its directory`,
    ])
  }
  // Of a data directory that was copied or moved, what runs is not ours.
  const own = record.run === undefined || areSocketsOf(directory, record.run.sockets)
  return { name: record.name, directory, record: own ? record : { ...record, run: undefined } }
}

/** Replaces the record in one step, and gives the machine as it is then. */
export async function writeRecord(directory: string, record: MachineRecord): Promise<Machine> {
  await writeSealed(join(directory, RECORD), record, { flush: true })
  return { name: record.name, directory, record }
}

export function damaged(directory: string, details: readonly string[]): MayflyError {
  return new MayflyError('MAYFLY_VM_STATE', `the record of a machine cannot be read: ${join(directory, RECORD)}`, {
    details,
    hint: `What is in its disk is still there. Remove the directory if nothing of it is needed.`,
  })
}
