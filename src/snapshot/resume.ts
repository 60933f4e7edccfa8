import { copyFile, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError, messageOf } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { performance } from '../node-globals.js'
import type { Machine, NetworkCard } from '../qemu/argv.js'
import { forwardedPort } from '../qemu/forwarded-port.js'
import type { Harness } from '../session/harness.js'
import type { Networked } from './join-network.js'
import { cloneMachine, FILES, type Frozen, sealedCard } from './machine.js'
import { CAPABILITIES, loadUri, migrated, type Running, run } from './running.js'
import type { Template } from './template.js'
import type { LaunchTimings } from './timings.js'

/** A resumed machine, running. */
export interface Resumed extends Networked {
  timings: Pick<LaunchTimings, 'spawn' | 'load'>
}

export interface ResumeOptions {
  harness: Harness
  guest: Guest
  frozen: Frozen
  /** QEMU's own; holds the console's log. */
  directory: string
  /** Default: the one that its template was made with. */
  card?: NetworkCard | undefined
  /** Where the machine's own empty layer is put, over the frozen one's disk. */
  disk: string
  /** Default: a private view of the frozen one's. */
  ram?: Machine['ram']
}

/**
 * Starts a machine from where `frozen` stopped.
 * @throws MayflyError MAYFLY_TEMPLATE_UNUSABLE or MAYFLY_CHECKPOINT_UNUSABLE with QEMU's words when the state does not load.
 */
export async function resume(options: ResumeOptions): Promise<Resumed> {
  const { harness, guest, frozen, directory, disk, ram, card = sealedCard(guest) } = options
  const started = performance.now()
  await using state = await open(frozen.state.path, 'r')
  await Promise.all([
    copyFile(frozen.overlay, disk),
    frozen.vars === undefined ? undefined : replaceFile(frozen.vars, join(directory, FILES.vars)),
  ])
  const machine = cloneMachine(harness, guest, frozen, directory, { path: disk, format: 'qcow2' }, card, ram)
  const running = await run(harness, machine, directory, state)
  try {
    const { sshPort, greetedAt } = await load(running, card, loadUri(harness.qemu))
    const timings = { spawn: greetedAt - started, load: performance.now() - greetedAt }
    return { ...running, card, sshPort, timings }
  } catch (error) {
    await running.qemu.kill()
    throw await unusable(running, frozen, error)
  }
}

/** Not into the file that is there: a QEMU that is about to end may hold a lock on it. */
async function replaceFile(from: string, to: string): Promise<void> {
  await rm(to, { force: true })
  await copyFile(from, to)
}

/** Loads the device state and lets the vCPUs go. The commands are sent ahead of each other's answers: QEMU takes them in order. */
async function load(
  { qemu }: Running,
  card: NetworkCard,
  uri: string,
): Promise<{ sshPort: number | undefined; greetedAt: number }> {
  const { qmp } = qemu
  const [greetedAt, , , sshPort, loaded] = await Promise.all([
    qmp.greeted().then(() => performance.now()),
    qmp.execute('qmp_capabilities'),
    qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES }),
    card.mode === 'user' ? forwardedPort(qmp, 22) : undefined,
    migrated(qmp, 'migrate-incoming', uri),
  ])
  if (!loaded) throw new Error('QEMU reported a failed load')
  await qmp.execute('cont')
  return { sshPort, greetedAt }
}

async function unusable({ qemu }: Running, { uses }: Frozen, error: unknown): Promise<MayflyError> {
  const cause = await qemu.explain(error)
  if (cause instanceof MayflyError && cause.code !== 'MAYFLY_QEMU_EXITED') return cause
  // Killed from outside, by the kernel for want of memory perhaps: no state makes QEMU do that.
  if (cause instanceof MayflyError && qemu.exit?.signal === 'SIGKILL') return cause
  const details = cause instanceof MayflyError ? cause.details : [messageOf(cause)]
  return uses
    ? new MayflyError('MAYFLY_CHECKPOINT_UNUSABLE', 'QEMU did not load the checkpoint', { details, cause })
    : new MayflyError('MAYFLY_TEMPLATE_UNUSABLE', 'QEMU did not load the template', { details, cause })
}

/** What a connection to a clone needs besides its port. */
export async function clientKey(template: Template): Promise<string> {
  return await readFile(join(template.directory, FILES.privateKey), 'utf8')
}
