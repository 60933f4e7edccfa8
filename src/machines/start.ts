import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import type { DataStep } from '../guest/steps.js'
import { assertMemoryFits } from '../host/memory.js'
import { type Progress, silent } from '../host/progress.js'
import { qemuArgv, SOCKETS } from '../qemu/argv.js'
import { type Harness, openHarness } from '../session/harness.js'
import { bootTimeoutMs } from '../snapshot/boot-timeout.js'
import { aboutAccelerator } from '../snapshot/cold-boot.js'
import { FILES, templateMachine } from '../snapshot/machine.js'
import { untilReady } from '../snapshot/ready.js'
import type { SshConnection } from '../ssh/connection.js'
import type { SshTarget } from '../ssh/handshake.js'
import { type Duration, toMilliseconds } from '../units.js'
import { targetOf } from './connect.js'
import { type LockedOptions, withMachine } from './lock.js'
import { isRunning, QEMU_LOG } from './look.js'
import { provision } from './provision.js'
import { type Machine, type MachineRun, writeRecord } from './record.js'
import { type Attached, attach } from './running.js'
import { PID_FILE, processOf } from './settle.js'
import { socketsDirectory } from './sockets.js'
import { spawnAlone } from './spawn.js'

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

/**
 * Boots a machine from its own disk, and takes its provision steps at the first start. One that runs already is left as it is.
 * When the guest does not come up, it is left running, for somebody to look at its console.
 * @throws MayflyError MAYFLY_QEMU_SPAWN_FAILED, MAYFLY_QEMU_EXITED, MAYFLY_BOOT_TIMEOUT, MAYFLY_GUEST_PANIC, MAYFLY_COMMAND_FAILED (a step), MAYFLY_IMAGE_NOT_FOUND, MAYFLY_ABORTED.
 */
export function startMachine(machine: Machine, options: StartOptions = {}): Promise<Machine> {
  return withMachine(machine, options, async (settled) => {
    if (await isRunning(settled)) return settled
    return await start(settled, options)
  })
}

async function start(machine: Machine, options: StartOptions): Promise<Machine> {
  const { record, directory, name } = machine
  const { progress = silent, wait = true, signal } = options
  assertMemoryFits(record.guest.memoryBytes)
  await assertImage(machine)
  const harness = await openHarness(record.cacheDir)
  const sockets = await socketsDirectory(directory)
  const from = await tidy(directory, sockets)
  const started = await writeRecord(directory, {
    ...record,
    ended: undefined,
    run: { startedAt: new Date().toISOString(), sockets },
  })
  const steps = record.guest.provision as readonly DataStep[]
  const provisions = wait && options.provision !== false && record.provisionedAt === undefined && steps.length > 0
  const { ready, connection } = await progress.step(`boot ${name}`, () => boot(harness, started, from, options))
  await using _connection = connection
  if (!connection || !provisions) return ready
  await provision(ready, connection, steps, { progress, signal })
  return await writeRecord(directory, { ...ready.record, provisionedAt: new Date().toISOString() })
}

async function boot(
  harness: Harness,
  machine: Machine,
  from: number,
  { wait = true, bootTimeout, signal }: StartOptions,
): Promise<{ ready: Machine; connection: SshConnection | undefined }> {
  const { directory, name } = machine
  const run = machine.record.run!
  const shell = await spawnAlone(harness.qemu.path, argvOf(harness, machine, run), directory)
  const attached = await attach(directory, run, shell, from)
  await using _attached = attached
  try {
    await attached.qemu.greeted()
    await attached.qemu.qmp.execute('qmp_capabilities')
    const process = await processOf(machine, attached.qemu.qmp)
    const up = await writeRecord(directory, { ...machine.record, run: { ...run, process } })
    if (!wait) return { ready: up, connection: undefined }
    const target = await targetOf(up, process)
    const connection = await logIn(harness, up, attached, target, bootTimeout, signal)
    const readyRun = { ...run, process, readyAt: new Date().toISOString() }
    return { ready: await writeRecord(directory, { ...up.record, run: readyRun }), connection }
  } catch (error) {
    const explained = aboutAccelerator(harness, await attached.qemu.explain(error))
    if (!(explained instanceof MayflyError) || !attached.qemu.alive) throw explained
    throw explained.withDetails([
      `it still runs: mayfly console ${name} shows what it does, mayfly stop ${name} ends it`,
    ])
  }
}

function logIn(
  harness: Harness,
  { name, record }: Machine,
  attached: Attached,
  target: SshTarget,
  bootTimeout: Duration | undefined,
  signal: AbortSignal | undefined,
): Promise<SshConnection> {
  const timeoutMs = bootTimeout === undefined ? bootTimeoutMs(harness) : toMilliseconds(bootTimeout, 'boot timeout')
  return untilReady(attached, target, { timeoutMs, signal, name, agent: record.image.features.agent })
}

function argvOf(harness: Harness, { directory, record }: Machine, { sockets }: MachineRun): string[] {
  const { guest, image, machineType } = record
  const { ram: _file, ...machine } = templateMachine(harness, guest, image, directory)
  return [
    ...qemuArgv({ ...machine, type: machineType, standalone: { sockets } }),
    '-pidfile',
    join(directory, PID_FILE),
  ]
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

/** A machine whose image is gone has half of its disk. */
async function assertImage({ name, record: { image } }: Machine): Promise<void> {
  for (const path of [image.kernel, image.initrd, image.disk?.path]) {
    if (path === undefined || (await stat(path).catch(() => undefined))) continue
    throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `the image of ${name} is gone: ${path}`, {
      hint: `Its disk cannot be read without it. If nothing of it is needed any more: mayfly destroy ${name}`,
    })
  }
}
