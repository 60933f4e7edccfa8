import { access, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { hostnameOf, isHostname, noHostname } from '../guest/access.js'
import type { Guest } from '../guest/spec.js'
import { assertMemoryFits } from '../host/memory.js'
import { type Progress, silent } from '../host/progress.js'
import { resolveImage } from '../image/resolve.js'
import { explainFull } from '../image/store.js'
import { assertConnectable } from '../network/bridge.js'
import { Date } from '../node-globals.js'
import { openHarness } from '../session/harness.js'
import { claimFor } from '../session/lasting-claims.js'
import { hold } from '../session/uses.js'
import { assertDiskHolds, newIdentity, prepareFiles } from '../snapshot/machine-files.js'
import { type DataDirectory, dataDirectory } from './data-directory.js'
import { type LockedOptions, withName } from './lock.js'
import { assertMachineName } from './name.js'
import { type Machine, RECORD_FORMAT, readMachine, writeRecord } from './record.js'

export interface CreateOptions extends LockedOptions {
  /** Default: `MAYFLY_CACHE_DIR`, or `mayfly` in the user's cache directory. */
  cacheDir?: string | undefined
  progress?: Progress | undefined
  /** The VMFile that it is made from, for whoever looks for its machines. */
  vmfile?: string | undefined
}

/**
 * Makes a machine that stays until it is destroyed: a disk layer of its own over the guest's image, keys of its own. It does not run yet.
 * @throws MayflyError MAYFLY_OPTION_INVALID when the name cannot be one or is taken, MAYFLY_GUEST_INVALID, MAYFLY_NETWORK_UNUSABLE, or as the image's; nothing is left then.
 */
export async function createMachine(guest: Guest, name: string, options: CreateOptions = {}): Promise<Machine> {
  assertMachineName(name)
  assertKeepable(guest)
  assertMemoryFits(guest.memoryBytes)
  await assertConnectable(guest)
  return await withName(name, options, async () => {
    const { data = dataDirectory() } = options
    const hostname = hostnameFor(guest, name)
    const directory = join(data.machines, name)
    await assertFree(directory, name)
    const staging = await emptyDirectory(data, name)
    try {
      const record = await fill(staging, directory, { ...guest, name, hostname }, options)
      await writeRecord(staging, record)
      await rename(staging, directory)
    } catch (error) {
      await rm(staging, { recursive: true, force: true })
      throw explainFull(data, error, 'data')
    }
    return (await readMachine(directory))!
  })
}

async function fill(
  staging: string,
  directory: string,
  guest: Guest,
  { cacheDir, progress = silent, signal, vmfile }: CreateOptions,
): Promise<Machine['record']> {
  const harness = await openHarness(cacheDir, guest.arch)
  const { store, session, qemu } = harness
  const image = await hold(
    harness,
    () => resolveImage(guest.image, { store, workshop: session, progress, arch: guest.arch, signal }),
    ({ dir }) => [dir],
  )
  assertDiskHolds(guest, image)
  const identity = await newIdentity(guest)
  await prepareFiles({ harness, guest, image, directory: staging }, identity)
  // Before it is there: our session's claim holds until then.
  await claimFor(store, directory, [image.dir])
  return {
    format: RECORD_FORMAT,
    name: guest.name,
    createdAt: new Date().toISOString(),
    guest,
    image,
    cacheDir: store.root,
    machineType: qemu.machine,
    hostKey: identity.host.publicKey,
    agent: image.features.agent,
    starts: 0,
    vmfile,
  }
}

/** Its name, unless the guest was given another on purpose. */
function hostnameFor(guest: Guest, name: string): string {
  if (name === guest.name || ![guest.name, hostnameOf(guest.name)].includes(guest.hostname)) return guest.hostname
  if (isHostname(name)) return name
  throw new MayflyError('MAYFLY_OPTION_INVALID', `the name ${noHostname(name)}`, { hint: 'As in --hostname web.' })
}

async function assertFree(directory: string, name: string): Promise<void> {
  const free = await access(directory).then(
    () => false,
    () => true,
  )
  if (free) return
  throw new MayflyError('MAYFLY_OPTION_INVALID', `there is a machine ${name} already`, {
    hint: `Choose another name, or: mayfly destroy ${name}`,
  })
}

/** Where a machine is made before it is moved into place. What is there was left by a command that was killed. */
async function emptyDirectory({ machines }: DataDirectory, name: string): Promise<string> {
  const staging = join(machines, `.creating-${name}`)
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { mode: 0o700 })
  return staging
}

/** Its record is data: code has no place in it, and is not there any more when the machine is started. */
function assertKeepable(guest: Guest): void {
  if (!guest.provision.some(({ kind }) => kind === 'setup')) return
  throw new MayflyError('MAYFLY_GUEST_INVALID', `${guest.name} is set up by code, and machines that stay are data`, {
    hint: 'Use steps: shell, file, packages.',
  })
}
