import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import type { NetworkCard } from '../qemu/argv.js'
import { noNetwork, type SshAddress } from '../snapshot/join-network.js'
import { FILES } from '../snapshot/machine.js'
import type { SshConnection } from '../ssh/connection.js'
import type { SshTarget } from '../ssh/handshake.js'
import { waitForSsh } from '../ssh/wait-for-ssh.js'
import { withMachine } from './lock.js'
import { isRunning, lookAt } from './look.js'
import type { Machine } from './record.js'

export interface ConnectOptions {
  /** Default: the machine's own. */
  user?: string | undefined
  /** Path of a private key. Default: the machine's own. */
  key?: string | undefined
  /** In ms, for a guest that is still coming up. Default 60,000. */
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
}

const ADDRESS_MS = 60_000
/** A guest that reboots takes its time. */
const LOGIN_MS = 60_000

/**
 * Logs in to a machine that runs, on its pinned host key; waits for one that comes up just now.
 * @throws MayflyError MAYFLY_VM_STATE when it does not run, MAYFLY_BOOT_TIMEOUT, MAYFLY_SSH_FAILED, MAYFLY_ABORTED.
 */
export async function connectTo(machine: Machine, options: ConnectOptions = {}): Promise<SshConnection> {
  const { timeoutMs = LOGIN_MS, signal } = options
  const target = await sshTargetOf(machine, options)
  return await waitForSsh({ ...target, timeoutMs, signal })
}

/**
 * Where and how to log in.
 * @throws MayflyError MAYFLY_VM_STATE when it does not run, MAYFLY_NO_NETWORK, MAYFLY_BOOT_TIMEOUT when it has no address.
 */
export async function sshTargetOf(machine: Machine, options: ConnectOptions = {}): Promise<SshTarget> {
  const { name, directory, record } = await known(machine, options)
  const { state, note } = await lookAt(machine)
  if (state === 'stopped' || state === 'suspended' || !record.run) throw notRunning(name, state, note)
  const { run } = record
  return loginAt(directory, record, run.ssh ?? (await findAddressOf(name, run.card, options)), options)
}

/** The same at an address that has yet to be written down. */
export async function loginAt(
  directory: string,
  { guest, hostKey }: Machine['record'],
  address: SshAddress,
  { user, key }: ConnectOptions = {},
): Promise<SshTarget> {
  const privateKey = await readKey(key ?? join(directory, FILES.privateKey))
  return { ...address, username: user ?? guest.ssh.user, privateKey, hostKey }
}

async function findAddressOf(
  name: string,
  card: NetworkCard,
  { timeoutMs, signal }: ConnectOptions,
): Promise<SshAddress> {
  if (card.mode !== 'tap') throw noNetwork(name, 'logging in')
  const { findAddress } = await import('../network/find-address.js')
  return { host: await findAddress({ ...card, name, timeoutMs: timeoutMs ?? ADDRESS_MS, signal }), port: 22 }
}

export function notRunning(name: string, state: string, note?: string): MayflyError {
  return new MayflyError('MAYFLY_VM_STATE', `${name} is ${state}`, {
    details: note ? [note] : [],
    hint: state === 'suspended' ? `mayfly resume ${name}` : `mayfly start ${name}`,
  })
}

/** One that runs though its start was cut short is found out about first. Of one that does not run, its asker may hold the lock. */
async function known(machine: Machine, { signal }: ConnectOptions): Promise<Machine> {
  const { run } = machine.record
  if (!run || run.process || !(await isRunning(machine))) return machine
  return await withMachine(machine, { signal }, async (settled) => settled)
}

async function readKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `the key cannot be read: ${path}`, { details: [String(error)] })
  }
}
