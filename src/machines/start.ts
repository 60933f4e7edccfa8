import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import type { DataStep } from '../guest/steps.js'
import { assertMemoryFits } from '../host/memory.js'
import { type Progress, silent } from '../host/progress.js'
import { findImageDamage, readImageManifest } from '../image/image-manifest.js'
import { assertConnectable, joinBridge } from '../network/bridge.js'
import { cardOf } from '../network/card.js'
import { AbortController, Date } from '../node-globals.js'
import { qemuArgv, SOCKETS } from '../qemu/argv.js'
import { type Harness, openHarness } from '../session/harness.js'
import { claimFor } from '../session/lasting-claims.js'
import { bootTimeoutMs } from '../snapshot/boot-timeout.js'
import { aboutAccelerator } from '../snapshot/cold-boot.js'
import { joinNetwork, type SshAddress } from '../snapshot/join-network.js'
import { FILES, imageLayers, rebootMachine, seedIn } from '../snapshot/machine.js'
import { untilAgentReady, untilReady } from '../snapshot/ready.js'
import { setUpOverSsh, untilSetUp } from '../snapshot/set-up.js'
import type { SshConnection } from '../ssh/connection.js'
import { type Duration, toMilliseconds } from '../units.js'
import { connectTo, loginAt } from './connect.js'
import { type LockedOptions, withMachine } from './lock.js'
import { isRunning, lookAt, QEMU_LOG } from './look.js'
import { provision } from './provision.js'
import { type Machine, type MachineRun, readMachine, writeRecord } from './record.js'
import { type Attached, attach } from './running.js'
import { PID_FILE, processOf } from './settle.js'
import { socketsDirectory } from './sockets.js'
import { spawnAlone } from './spawn.js'
import { killProcesses } from './stop.js'

export interface StartOptions extends LockedOptions {
  progress?: Progress | undefined
  /** Default true: resolves when a command has succeeded in the guest. Otherwise as soon as QEMU runs. */
  wait?: boolean | undefined
  /** Take the guest's provision steps, if they have not all been taken before. Default true. */
  provision?: boolean | undefined
  /** Default: what this host needs at most. */
  bootTimeout?: Duration | undefined
}

/** A console log that has grown this large begins anew; the one before it is kept beside it. */
const LARGE_LOG = 16 * 1024 * 1024
/** For a machine that is on its way up. */
const COMING_MS = 180_000

/**
 * Boots a machine from its own disk, and takes its provision steps at the first start. One that runs already is left as it is.
 * When the guest does not come up, it is left running, for somebody to look at its console.
 * @throws MayflyError MAYFLY_QEMU_SPAWN_FAILED, MAYFLY_QEMU_EXITED, MAYFLY_BOOT_TIMEOUT, MAYFLY_GUEST_PANIC, MAYFLY_COMMAND_FAILED (a step), MAYFLY_IMAGE_NOT_FOUND, MAYFLY_ABORTED.
 */
export function startMachine(machine: Machine, options: StartOptions = {}): Promise<Machine> {
  return withMachine(machine, options, async (settled) => {
    return (await isRunning(settled)) ? await finish(settled, options) : await start(settled, options)
  })
}

/** Does what is left of a start that was not waited for, or was interrupted. */
async function finish(machine: Machine, options: StartOptions): Promise<Machine> {
  const { name, record } = machine
  const { progress = silent, wait = true, bootTimeout, signal } = options
  const left = record.run?.readyAt === undefined || provisions(machine, options)
  if (!wait || !left || record.guest.network.mode === 'none' || (await lookAt(machine)).state === 'suspended')
    return machine
  const timeoutMs = bootTimeout === undefined ? COMING_MS : toMilliseconds(bootTimeout, 'boot timeout')
  const connecting = () => connectTo(machine, { timeoutMs, signal })
  await using connection = await progress.step(`wait for ${name}`, connecting)
  const { guest, agent: seen } = record
  const agent = guest.cloudInit ? await setUpOverSsh(connection, { name, timeoutMs, signal }) : seen
  const up = await ready({ ...machine, record: { ...record, agent } }, connection.target)
  return await provisioned(up, connection, options)
}

/** Writes down that a command has succeeded in it, or that somebody has logged in. */
function ready({ directory, record }: Machine, { host, port }: SshAddress): Promise<Machine> {
  const run = { ...record.run!, ssh: { host, port }, readyAt: new Date().toISOString() }
  return writeRecord(directory, { ...record, run })
}

/** The same for whoever does not hold the lock; if somebody has it, that is who starts the machine. */
export async function markReady(machine: Machine, address: SshAddress): Promise<void> {
  const busy = new AbortController()
  const options = { onWait: () => busy.abort(), signal: busy.signal }
  await withMachine(machine, options, async (settled) => {
    if (settled.record.run && settled.record.run.readyAt === undefined) await ready(settled, address)
  }).catch((error) => {
    if (!busy.signal.aborted) throw error
  })
}

function provisions({ record }: Machine, { provision: wanted = true }: StartOptions): boolean {
  return wanted && record.provisionedAt === undefined && record.guest.provision.length > 0
}

/** Takes the steps that have yet to be taken. */
async function provisioned(machine: Machine, connection: SshConnection, options: StartOptions): Promise<Machine> {
  if (!provisions(machine, options)) return machine
  const { directory, record } = machine
  await provision(machine, connection, record.guest.provision as readonly DataStep[], options)
  return await writeRecord(directory, { ...record, provisionedAt: new Date().toISOString() })
}

/** A machine that did not come to run is still there: what is to be done with it is for its owner to say. */
async function start(machine: Machine, options: StartOptions): Promise<Machine> {
  const { name, directory } = machine
  try {
    return await bringUp(machine, options)
  } catch (error) {
    const now = await readMachine(directory).catch(() => undefined)
    if (!(error instanceof MayflyError) || !now || (await isRunning(now))) throw error
    throw error.withDetails([
      `${name} stays registered: mayfly start ${name} starts it again, mayfly destroy ${name} removes it`,
    ])
  }
}

async function bringUp(machine: Machine, options: StartOptions): Promise<Machine> {
  const { record, directory, name } = machine
  const { progress = silent } = options
  assertMemoryFits(record.guest.memoryBytes)
  await assertImage(machine)
  await assertConnectable(record.guest)
  const harness = await openHarness(record.cacheDir, record.guest.arch)
  const sockets = await socketsDirectory(directory)
  // Two of them on one disk would be its end; and the shell of the last may have yet to write down how that ended.
  await killProcesses(machine)
  const from = await tidy(directory, sockets)
  // Written again in case that it was damaged.
  await claimFor(harness.store, directory, [record.image.dir])
  const started = await writeRecord(directory, {
    ...record,
    ended: undefined,
    starts: record.starts + 1,
    run: { startedAt: new Date().toISOString(), sockets, card: cardOf(record.guest.network, directory, record.starts) },
  })
  const { up, connection } = await progress.step(`boot ${name}`, () => boot(harness, started, from, options))
  await using _connection = connection
  return connection ? await provisioned(up, connection, options) : up
}

async function boot(
  harness: Harness,
  machine: Machine,
  from: number,
  options: StartOptions,
): Promise<{ up: Machine; connection: SshConnection | undefined }> {
  const { directory, name } = machine
  const run = machine.record.run!
  const shell = await spawnAlone(harness.qemu.path, argvOf(harness, machine, run), directory)
  const attached = await attach(directory, run, shell, from, options.signal)
  await using _attached = attached
  try {
    await attached.qemu.greeted()
    await attached.qemu.qmp.execute('qmp_capabilities')
    const process = await processOf(directory)
    const up = await writeRecord(directory, { ...machine.record, run: { ...run, process } })
    return await comeUp(harness, up, attached, options)
  } catch (error) {
    const explained = aboutAccelerator(harness, await attached.qemu.explain(error))
    if (!(explained instanceof MayflyError) || !attached.qemu.alive) throw explained
    throw explained.withDetails([
      `it still runs: mayfly console ${name} shows what it does, mayfly stop ${name} ends it`,
    ])
  }
}

/** Connects a machine whose QEMU runs, and waits until its guest is ready; each thing that becomes known is written down at once. */
async function comeUp(
  harness: Harness,
  machine: Machine,
  attached: Attached,
  { wait = true, bootTimeout, signal }: StartOptions,
): Promise<{ up: Machine; connection: SshConnection | undefined }> {
  const { directory, name, record } = machine
  const { guest, image } = record
  const run = record.run!
  const timeoutMs =
    bootTimeout === undefined ? bootTimeoutMs(harness, guest) : toMilliseconds(bootTimeout, 'boot timeout')
  const { card } = run
  // It takes its time until it has an address on a bridge.
  if (!wait && card.mode === 'tap') await joinBridge(card.interface, card.bridge)
  const waits = wait || card.mode !== 'tap'
  const ssh = waits ? await joinNetwork({ ...attached, card }, { name, timeoutMs, signal }) : undefined
  const connected = await writeRecord(directory, { ...record, run: { ...run, ssh } })
  if (!wait) return { up: connected, connection: undefined }
  const how = { timeoutMs, signal, name, agent: image.features.agent, settling: guest.cloudInit !== undefined }
  const connection = ssh
    ? await untilReady(attached, await loginAt(directory, record, ssh), how)
    : await untilAgentReady(attached, how)
  try {
    const agent = connection && guest.cloudInit ? await untilSetUp(attached, connection, how) : record.agent
    const readyAt = new Date().toISOString()
    return { up: await writeRecord(directory, { ...record, agent, run: { ...run, ssh, readyAt } }), connection }
  } catch (error) {
    await connection?.close()
    throw error
  }
}

function argvOf(harness: Harness, { directory, record }: Machine, { sockets, card }: MachineRun): string[] {
  const { guest, image, machineType } = record
  const at = (name: string) => join(directory, name)
  const layers = [{ path: at(FILES.disk), format: 'qcow2' as const }, ...imageLayers(image)]
  const files = { initrd: at(FILES.initrd), seed: seedIn(directory, guest) }
  // Its memory is nobody else's: no file.
  const { ram: _file, ...machine } = rebootMachine(harness, guest, image, files, directory, layers, card)
  return [...qemuArgv({ ...machine, type: machineType, standalone: { sockets } }), '-pidfile', at(PID_FILE)]
}

/** Removes what the last run has left. @returns how long the console's log is. */
async function tidy(directory: string, sockets: string): Promise<number> {
  for (const name of Object.values(SOCKETS)) await rm(join(sockets, name), { force: true })
  for (const name of [PID_FILE, QEMU_LOG]) await rm(join(directory, name), { force: true })
  const log = join(directory, FILES.console)
  const { size } = await stat(log).catch(() => ({ size: 0 }))
  if (size < LARGE_LOG) return size
  await rename(log, `${log}.1`)
  return 0
}

/** A machine whose image is gone has half of its disk; one whose image is damaged would write on the wrong one. */
async function assertImage({ name, record: { image } }: Machine): Promise<void> {
  for (const path of [image.kernel, image.firmwareKernel, image.initrd, image.disk?.path]) {
    if (path === undefined || (await stat(path).catch(() => undefined))) continue
    throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `the image of ${name} is gone: ${path}`, {
      hint: `Its disk cannot be read without it. If nothing of it is needed any more: mayfly destroy ${name}`,
    })
  }
  const manifest = await readImageManifest(image.dir)
  // A user's own kernel and disk have none.
  const damage = typeof manifest === 'object' ? await findImageDamage(image.dir, manifest) : undefined
  if (damage === undefined) return
  throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `the image of ${name} is damaged: ${damage}`, {
    details: [image.dir],
    hint: `Its disk cannot be read without it. Put the image back, or make the machine anew: mayfly destroy ${name}`,
  })
}
