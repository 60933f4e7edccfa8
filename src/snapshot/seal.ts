import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { Step } from '../guest/steps.js'
import type { Progress } from '../host/progress.js'
import type { Image } from '../image/image.js'
import { createOverlay } from '../image/overlay.js'
import { assertSpace } from '../image/store.js'
import { Date, performance } from '../node-globals.js'
import { nodeName } from '../qemu/argv.js'
import { flatten } from '../qemu/block-stream.js'
import type { Harness } from '../session/harness.js'
import type { SshConnection } from '../ssh/connection.js'
import { quote } from '../ssh/quote.js'
import { runScript } from '../ssh/script.js'
import { MIB } from '../units.js'
import { agentReply } from './agent-reply.js'
import { bootTimeoutMs } from './boot-timeout.js'
import type { Ingredients } from './cache-key.js'
import { aboutAccelerator, coldBoot } from './cold-boot.js'
import { DISK, FILES, imageLayers } from './machine.js'
import { diskSizeBytes } from './machine-files.js'
import { type TemplateManifest, writeManifest } from './manifest.js'
import { runStep } from './provision.js'
import { type Running, save } from './running.js'
import type { Template } from './template.js'
import { connect, wake } from './wake.js'

export interface SealOptions {
  harness: Harness
  guest: Guest
  image: Image
  ingredients: Ingredients
  /** What to go on from, and what to do there. Without a step the guest is booted, from the parent's disk if there is one. */
  parent: Template | undefined
  step: Step | undefined
  /** One line for people. */
  title: string
  /** Where the template is made. */
  staging: string
  /** Where it will stand. */
  target: string
  progress: Progress
  bootTimeout?: number | undefined
  signal?: AbortSignal | undefined
}

/** A machine that is to be sealed. */
interface Sealable extends Running, AsyncDisposable {
  connection: SshConnection | undefined
  hostKey: string
  hasAgent: boolean
}

/** A chain of disk layers longer than this is copied into one: each layer is a file that every clone has open, and looks into. */
const MOST_LAYERS = 8

/** Boots a guest, or takes a step from its parent; waits until it is quiet, and freezes it in `staging`. QEMU is gone when this settles. */
export async function seal(options: SealOptions): Promise<TemplateManifest> {
  const { title, progress } = options
  await assertSpace(options.harness.store, await spaceNeeded(options), `a template of ${options.guest.name}`)
  return await progress.step(title, (log) => make(options, log))
}

async function make(options: SealOptions, log: (line: string) => void): Promise<TemplateManifest> {
  const { harness, guest, image, ingredients, parent, title, staging, target } = options
  const timings: Record<string, number> = {}
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now()
    const result = await work()
    timings[name] = performance.now() - started
    return result
  }
  const overlay = {
    sizeBytes: diskSizeBytes(guest, image),
    backing: { path: join(target, FILES.disk), format: 'qcow2' as const },
  }
  await createOverlay(join(staging, FILES.overlay), overlay)
  const machine = await start(options, timed, log)
  const flat = parent !== undefined && isTooDeep(parent, image)
  try {
    await timed('quiesce', () => quiesce(options, machine))
    if (flat) await timed('flatten', () => flattenDisk(machine, parent, image))
    await timed('seal', () => freeze(options, machine))
  } catch (error) {
    throw aboutAccelerator(harness, await machine.qemu.explain(error))
  } finally {
    await machine[Symbol.asyncDispose]()
  }
  return await writeManifest(staging, {
    name: guest.name,
    createdAt: new Date().toISOString(),
    seal: randomBytes(8).toString('hex'),
    ingredients,
    title,
    parent: parent && { key: basename(parent.directory), seal: parent.manifest.seal, stacked: !flat },
    hostKey: machine.hostKey,
    agent: machine.hasAgent,
    timings,
  })
}

/** The machine in the state that is to be sealed. */
async function start(
  options: SealOptions,
  timed: <T>(name: string, work: () => Promise<T>) => Promise<T>,
  log: (line: string) => void,
): Promise<Sealable> {
  const { harness, guest, image, ingredients, parent, step, staging: directory, signal } = options
  if (!parent || !step) {
    const booted = await timed('boot', () => coldBoot({ ...options, directory, below: parent?.layers }))
    try {
      if (parent) await forgetOtherName(booted.ssh!, guest)
    } catch (error) {
      await booted[Symbol.asyncDispose]()
      throw error
    }
    return { ...booted, connection: booted.ssh, hostKey: booted.identity.host.publicKey }
  }
  const prepared = { harness, guest, image, ingredients, template: parent, prepareMs: 0 }
  const machine = await timed('wake', () => wake({ prepared, directory, signal }))
  try {
    await timed('step', () => runStep(machine, step, log, signal))
    // Code may have ended it.
    const connection = machine.connection.connected ? machine.connection : await connect(machine, signal)
    return { ...machine, connection, hostKey: parent.manifest.hostKey, hasAgent: parent.manifest.agent }
  } catch (error) {
    await machine[Symbol.asyncDispose]()
    throw error
  }
}

/** The disk is another guest's: debian's initramfs has written the machine's own name, and kept that one's in /etc/hosts. */
async function forgetOtherName(connection: SshConnection, { hostname }: Guest): Promise<void> {
  const line = quote(`127.0.1.1 ${hostname}`)
  const script = `sed -i '/^127\\.0\\.1\\.1 /d' /etc/hosts && echo ${line} >>/etc/hosts`
  const { exitCode, stderr } = await runScript(connection, script, { name: 'rename the guest' })
  if (exitCode === 0) return
  throw new MayflyError('MAYFLY_COMMAND_FAILED', `the machine could not be named ${hostname}`, { details: [stderr] })
}

/** Waits until the guest has nothing left to do, so that its clones start with nothing to do. */
async function quiesce(
  { harness, guest }: SealOptions,
  { qemu, agent, connection, hasAgent }: Sealable,
): Promise<void> {
  if (connection) await settle(connection, bootTimeoutMs(harness, guest))
  // Without an agent the end of the session is not seen from inside; its process is a stray one in every clone, and harmless.
  if (hasAgent) await agentReply('quiesce', agent.quiesce(), qemu)
}

async function settle(connection: SshConnection, timeout: number): Promise<void> {
  // Degraded (exit 1) is as finished as running: a failed unit is the guest's business, and its tests'.
  const { exitCode } = await runScript(
    connection,
    'if command -v systemctl >/dev/null; then systemctl is-system-running --wait >/dev/null; fi; sync',
    { name: 'wait until the guest is at rest', timeout },
  )
  if (exitCode === null)
    throw new MayflyError('MAYFLY_SSH_FAILED', 'the guest could not be brought to rest before sealing')
  await connection.close()
}

/** Stops the guest and writes its device state; its RAM is in its file already. */
async function freeze({ harness, guest, staging }: SealOptions, { qemu }: Sealable): Promise<void> {
  await qemu.qmp.execute('stop')
  const complaint = await save(qemu, join(staging, FILES.state))
  if (complaint === undefined) return
  await assertSpace(harness.store, MIB, `the state of ${guest.name}`)
  throw new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU could not save the device state: ${complaint}`)
}

function isTooDeep(parent: Template, image: Image): boolean {
  return parent.layers.length - imageLayers(image).length >= MOST_LAYERS
}

/** Copies what the templates below have written into the machine's own layer, which is then stacked on the image's. */
async function flattenDisk({ qemu }: Sealable, parent: Template, image: Image): Promise<void> {
  const base = imageLayers(image).length > 0 ? nodeName(DISK, 0) : undefined
  await flatten(qemu.qmp, { node: nodeName(DISK, parent.layers.length), base })
}

/** All of its RAM, which may all be written to; and what is flattened. What a step writes to its disk is not known in advance. */
async function spaceNeeded({ guest, image, parent }: SealOptions): Promise<number> {
  const memory = guest.memoryBytes + MIB
  if (!parent || !isTooDeep(parent, image)) return memory
  const layers = parent.layers.slice(0, parent.layers.length - imageLayers(image).length)
  const sizes = await Promise.all(layers.map(async ({ path }) => (await stat(path)).size))
  return sizes.reduce((sum, size) => sum + size, memory)
}
