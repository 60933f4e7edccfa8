import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { defineGuest, type Guest, type GuestSpec } from '../guest/spec.js'
import { Admission } from '../host/admission.js'
import { assertMemoryFits } from '../host/memory.js'
import { type Progress, silent } from '../host/progress.js'
import type { Image } from '../image/image.js'
import { resolveImage } from '../image/resolve.js'
import { explainFull } from '../image/store.js'
import { forwardedPort } from '../qemu/forwarded-port.js'
import { type Harness, openHarness } from '../session/harness.js'
import { VM_RECORD, type VmRecord } from '../session/list.js'
import { hold } from '../session/uses.js'
import { agentReply } from '../snapshot/agent-reply.js'
import { bootTimeoutMs } from '../snapshot/boot-timeout.js'
import { type Ingredients, ingredientsOf } from '../snapshot/cache-key.js'
import { discardTemplate, ensureTemplate } from '../snapshot/ensure.js'
import { FILES, rebootMachine } from '../snapshot/machine.js'
import { untilReady } from '../snapshot/ready.js'
import { clientKey, type Resumed, resume } from '../snapshot/resume.js'
import { run } from '../snapshot/running.js'
import type { Template } from '../snapshot/template.js'
import { type LaunchTimings, timed } from '../snapshot/timings.js'
import { type Duration, toMilliseconds } from '../units.js'
import { Life } from './life.js'
import { Vm } from './vm.js'

export interface LaunchOptions {
  /** Default: `MAYFLY_CACHE_DIR`, or `mayfly` in the user's cache directory. */
  cacheDir?: string | undefined
  /** For a cold boot, when the template has to be made. Default: 45 s, four times that without hardware acceleration. */
  bootTimeout?: Duration | undefined
  /** Told what is built, booted and sealed. Default: nobody. */
  progress?: Progress | undefined
  /** Ends the launch; what it has started so far is destroyed. */
  signal?: AbortSignal | undefined
}

/** Everything a guest's clones have in common. */
export interface Prepared {
  harness: Harness
  guest: Guest
  image: Image
  ingredients: Ingredients
  template: Template
  prepareMs: number
}

/** Vms of one process share the host's memory. Waiting for vCPUs is the fixtures' business: they know what runs together. */
let admission: Admission | undefined

/**
 * A pristine running machine, resumed from its guest's template; the image is built and the template sealed first if need be.
 * @throws MayflyError for an invalid guest, a host that cannot run it, a boot that fails; nothing is left behind.
 */
export async function launch(spec: GuestSpec | Guest | string, options: LaunchOptions = {}): Promise<Vm> {
  const guest = defineGuest(spec)
  const prepared = await prepare(guest, options)
  try {
    return await clone(prepared, options)
  } catch (error) {
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_TEMPLATE_UNUSABLE') throw error
    // Damage that only QEMU can see: once more from scratch, and if that does not load either, it is not damage.
    const progress = options.progress ?? silent
    progress.note(`the template of ${guest.name} did not load and is made again: ${error.message}`)
    await discardTemplate({ ...prepared, progress, signal: options.signal }, prepared.template)
    return await clone(await prepare(guest, options), options)
  }
}

/** Builds the image and seals the template of a guest, unless they are there: what `mayfly warm` does. */
export async function prepare(guest: Guest, options: LaunchOptions = {}): Promise<Prepared> {
  const { cacheDir, progress = silent, signal } = options
  const started = performance.now()
  assertMemoryFits(guest.memoryBytes)
  const harness = await openHarness(cacheDir)
  const { store, session } = harness
  const resolving = { store, workshop: session, progress, signal }
  const image = await hold(
    harness,
    () => resolveImage(guest.image, resolving),
    ({ dir }) => dir,
  )
  const ingredients = await ingredientsOf(harness, guest, image)
  const bootTimeout = options.bootTimeout === undefined ? undefined : toMilliseconds(options.bootTimeout, 'bootTimeout')
  const ensuring = { harness, guest, image, ingredients, progress, bootTimeout, signal }
  const template = await hold(
    harness,
    () => ensureTemplate(ensuring),
    ({ directory }) => directory,
  )
  return { harness, guest, image, ingredients, template, prepareMs: performance.now() - started }
}

async function clone(prepared: Prepared, { signal }: LaunchOptions): Promise<Vm> {
  const { harness, guest, image, template } = prepared
  admission ??= new Admission()
  const share = await admission.acquire({ memoryBytes: guest.memoryBytes, cpus: 0, signal })
  const id = `${guest.name.replace(/[^\w.-]/g, '_').slice(0, 40)}-${randomBytes(4).toString('hex')}`
  const directory = join(harness.session.directory, id)
  let resumed: Resumed | undefined
  try {
    await mkdir(directory, { mode: 0o700 })
    resumed = await resume(harness, guest, image, template, directory)
    const vm = await assemble(prepared, resumed, { id, directory, signal, onGone: () => share[Symbol.dispose]() })
    if (!signal?.aborted) return vm
    await vm.destroy()
    throw signal.reason
  } catch (error) {
    await resumed?.qemu.kill()
    await rm(directory, { recursive: true, force: true })
    share[Symbol.dispose]()
    throw signal?.aborted
      ? new MayflyError('MAYFLY_ABORTED', `the launch of ${guest.name} was given up`, { cause: signal.reason })
      : explainFull(harness.store, error)
  }
}

interface Assembly {
  id: string
  directory: string
  signal: AbortSignal | undefined
  onGone: () => void
}

/** Boots a Vm's own disk in a new QEMU, with the keys of its template. */
async function powerOn({ harness, guest, image, template }: Prepared, record: VmRecord, directory: string) {
  const running = await run(harness, rebootMachine(harness, guest, image, template.directory, directory), directory)
  const { qemu } = running
  try {
    await qemu.greeted()
    await qemu.qmp.execute('qmp_capabilities')
    const sshPort = await forwardedPort(qemu.qmp, 22)
    await writeRecord(directory, { ...record, pid: qemu.pid, sshPort })
    return { ...running, sshPort }
  } catch (error) {
    await qemu.kill()
    throw error
  }
}

/** What `mayfly ls` and `mayfly gc` know of a Vm. */
function writeRecord(directory: string, record: VmRecord): Promise<void> {
  return writeFile(join(directory, VM_RECORD), JSON.stringify(record))
}

/** Connects to a resumed machine, sets its clock and entropy right, and hands it to the session. */
async function assemble(
  prepared: Prepared,
  resumed: Resumed,
  { id, directory, signal, onGone }: Assembly,
): Promise<Vm> {
  const { harness, guest, image, template, prepareMs } = prepared
  const timings: LaunchTimings = { prepare: prepareMs, ...resumed.timings, connect: 0, fixup: 0 }
  const login = { username: 'root', privateKey: await clientKey(template), hostKey: template.manifest.hostKey }
  const record: VmRecord = {
    id,
    name: guest.name,
    pid: resumed.qemu.pid,
    sshPort: resumed.sshPort,
    startedAt: new Date().toISOString(),
    template: template.directory,
    image: image.dir,
  }
  const timeoutMs = bootTimeoutMs(harness)
  const target = { ...login, host: '127.0.0.1', port: resumed.sshPort }
  const [connection] = await Promise.all([
    timed(timings, 'connect', () =>
      untilReady(resumed, target, { timeoutMs, signal, name: guest.name, resumed: true }),
    ),
    template.manifest.agent
      ? timed(timings, 'fixup', () => agentReply('fixup', resumed.agent.fixup(), resumed.qemu))
      : undefined,
    writeRecord(directory, record),
  ])
  const life = new Life(resumed, connection, {
    name: guest.name,
    login,
    bootTimeoutMs: timeoutMs,
    agent: image.features.agent,
    powerOn: () => powerOn(prepared, record, directory),
  })
  const vm = new Vm({
    id,
    guest,
    accelerator: harness.accelerator.kind,
    directory,
    timings,
    privateKeyPath: join(template.directory, FILES.privateKey),
    life,
    onDestroyed: () => {
      harness.session.disown(vm)
      onGone()
    },
  })
  harness.session.own(vm)
  return vm
}
