import type { FileHandle } from 'node:fs/promises'
import { Agent } from '../guest/agent.js'
import type { QemuBinary } from '../host/qemu-binary.js'
import { isQemuAtLeast } from '../host/qemu-version.js'
import { CHANNEL_FDS, type Machine, qemuArgv } from '../qemu/argv.js'
import { QemuProcess } from '../qemu/process.js'
import type { QmpClient } from '../qemu/qmp.js'
import type { Harness } from '../session/harness.js'
import { FILES } from './machine.js'

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

/** QEMU's directory is the template's, so that the shell it starts for this sees a name without anything to quote. */
export const SAVE_URI = `exec:cat > ${FILES.state}`
/**
 * The inherited descriptor: half the time of starting a shell. Only loading takes one by number; QEMU 8.2 and later want
 * a plain file by a name, for which the descriptor's is as good as any, and has nothing in it that `file:` would parse.
 */
export function loadUri(qemu: QemuBinary): string {
  return isQemuAtLeast(qemu, 8, 2) ? `file:/dev/fd/${CHANNEL_FDS.state}` : `fd:${CHANNEL_FDS.state}`
}

/** Device state takes some 15 ms. */
const MIGRATION_DEADLINE_MS = 60_000

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
