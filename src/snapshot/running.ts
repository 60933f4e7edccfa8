import type { FileHandle } from 'node:fs/promises'
import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import { Agent } from '../guest/agent.js'
import { createPrivateFile } from '../host/private-file.js'
import type { QemuBinary } from '../host/qemu-binary.js'
import { isQemuAtLeast } from '../host/qemu-version.js'
import { AbortSignal } from '../node-globals.js'
import { CHANNEL_FDS, type Machine, qemuArgv } from '../qemu/argv.js'
import { QemuProcess } from '../qemu/process.js'
import type { QmpClient } from '../qemu/qmp.js'
import type { Harness } from '../session/harness.js'
import { quote } from '../ssh/quote.js'

/** A QEMU of ours, and the line to the agent of its guest. */
export interface Running {
  qemu: QemuProcess
  agent: Agent
}

/** Starts a machine in the session's name; if it loads device state, from `stateFile`. */
export async function run(
  harness: Harness,
  machine: Machine,
  directory: string,
  stateFile?: FileHandle,
): Promise<Running> {
  const qemu = await QemuProcess.spawn({
    binary: harness.qemu.path,
    argv: qemuArgv(machine),
    env: harness.session.childEnvironment(),
    cwd: directory,
    stateFile,
  })
  return { qemu, agent: new Agent(qemu.agent) }
}

/** RAM stays in its file: only device state, about 0.4 MB, goes through the channel. Both sides must agree. */
export const CAPABILITIES = [
  { capability: 'x-ignore-shared', state: true },
  { capability: 'events', state: true },
]

/**
 * The inherited descriptor: half the time of starting a shell. Only loading takes one by number; QEMU 8.2 and later want
 * a plain file by a name, for which the descriptor's is as good as any, and has nothing in it that `file:` would parse.
 */
export function loadUri(qemu: QemuBinary): string {
  return isQemuAtLeast(qemu, 8, 2) ? `file:/dev/fd/${CHANNEL_FDS.state}` : `fd:${CHANNEL_FDS.state}`
}

/** Device state takes some 15 ms. */
const MIGRATION_DEADLINE_MS = 60_000

let saves = 0

/**
 * Writes a stopped machine's state to `path`: its devices, and what RAM is not in a shared file.
 * @returns why it could not be written, in QEMU's words or the system's; undefined if it was.
 */
export async function save(qemu: QemuProcess, path: string): Promise<string | undefined> {
  const { qmp } = qemu
  await createPrivateFile(path)
  const token = `mayfly-save-${++saves}`
  await qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES })
  // The default limit of 128 MiB/s holds for files too.
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 0 })
  // QEMU knows what it has written to the pipe; whether that has reached the file, only the program behind it knows.
  const written = within(qemu.told(new RegExp(`${token} (written|lost)`)), MIGRATION_DEADLINE_MS, () => {
    return new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `${path} was not written within ${MIGRATION_DEADLINE_MS} ms`)
  })
  const command = `cat > ${quote(path)} && echo ${token} written >&2 || echo ${token} lost >&2`
  const [saved, told] = await Promise.all([migrated(qmp, 'migrate', `exec:${command}`), written])
  if (saved && told[1] === 'written') return undefined
  const { 'error-desc': reason } = await qmp.execute('query-migrate')
  return [reason, ...qemu.stderrTail().filter((line) => !line.startsWith(token))].filter(Boolean).join('; ')
}

/** Starts a save or a load by `command`, and waits until QEMU says that it is over. True if it succeeded. */
export async function migrated(qmp: QmpClient, command: 'migrate' | 'migrate-incoming', uri: string): Promise<boolean> {
  // Listening first, and waiting for both at once: if the command is refused, nobody else hears of the event that never comes.
  const ended = qmp.nextEvent(
    ({ event, data }) => event === 'MIGRATION' && (data?.status === 'completed' || data?.status === 'failed'),
    AbortSignal.timeout(MIGRATION_DEADLINE_MS),
  )
  const [{ data }] = await Promise.all([ended, qmp.execute(command, { uri })])
  return data?.status === 'completed'
}
