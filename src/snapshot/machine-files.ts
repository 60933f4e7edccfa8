import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { hostKeyIn, seedDisk } from '../guest/cloud-init/seed.js'
import { seedArchive } from '../guest/seed.js'
import type { Guest } from '../guest/spec.js'
import { findUefi } from '../host/uefi.js'
import type { Image } from '../image/image.js'
import { createOverlay } from '../image/overlay.js'
import type { DiskLayer } from '../qemu/argv.js'
import type { Harness } from '../session/harness.js'
import { generateIdentity, type SshIdentity } from '../ssh/identity.js'
import { formatBytes, MIB } from '../units.js'
import { FILES } from './machine.js'
import { ownCopy } from './own-copy.js'
import { writeSeededInitrd } from './seeded-initrd.js'

/**
 * New keys for a machine; those of the user's own where Mayfly cannot give it any.
 * @throws MayflyError MAYFLY_GUEST_INVALID when the user's cannot be read.
 */
export async function newIdentity({ name, ssh, cloudInit }: Guest): Promise<SshIdentity> {
  const { client, host } = generateIdentity(`mayfly ${name}`)
  const [privateKey = client.privateKey, hostKey = host.publicKey] = await Promise.all([
    ssh.privateKey === undefined ? undefined : readKey(ssh.privateKey),
    ssh.hostKey ?? (cloudInit && hostKeyIn(cloudInit)),
  ])
  return { client: { ...client, privateKey }, host: { ...host, publicKey: hostKey } }
}

export interface MachineFilesOptions {
  harness: Harness
  guest: Guest
  image: Image
  /** Gets them. */
  directory: string
  /** What its disk is stacked on. Default: the image's. */
  below?: readonly DiskLayer[] | undefined
}

/** Writes what a machine boots with into its directory: an empty layer over its disk, its keys, its seed, its firmware's variables. */
export async function prepareFiles(
  { harness, guest, image, directory, below }: MachineFilesOptions,
  identity: SshIdentity,
): Promise<void> {
  const { cloudInit, firmware, arch, hostname, ssh } = guest
  const at = (name: string) => join(directory, name)
  const work = [
    createOverlay(at(FILES.disk), { sizeBytes: diskSizeBytes(guest, image), backing: below?.[0] ?? image.disk }),
    writeFile(at(FILES.privateKey), identity.client.privateKey, { mode: 0o600 }),
  ]
  if (image.kernel !== undefined) {
    work.push(writeSeededInitrd(image.initrd, at(FILES.initrd), seedArchive(identity, hostname, ssh.authorizedKeys)))
  }
  if (cloudInit) work.push(writeSeedDisk(at(FILES.seed), { ...guest, cloudInit }, identity))
  if (firmware === 'uefi') work.push(ownCopy(findUefi(arch, harness.qemu.path).vars, at(FILES.vars)))
  await Promise.all(work)
}

/** @throws MayflyError MAYFLY_GUEST_INVALID when the disk that was asked for is smaller than its image. */
export function assertDiskHolds({ name, diskBytes, diskIsGiven }: Guest, { disk }: Image): void {
  if (!diskIsGiven || disk === undefined || diskBytes >= disk.virtualSizeBytes) return
  const least = formatBytes(disk.virtualSizeBytes)
  throw new MayflyError(
    'MAYFLY_GUEST_INVALID',
    `${name}: a disk of ${formatBytes(diskBytes)} is smaller than its image, which has ${least}`,
    { hint: `Leave out the size of the disk, or give at least ${Math.ceil(disk.virtualSizeBytes / MIB)}MiB.` },
  )
}

/** How large a guest's disk is, which must have room for its image. */
export function diskSizeBytes(guest: Guest, image: Image): number {
  return Math.max(guest.diskBytes, image.disk?.virtualSizeBytes ?? 0)
}

/** It holds the machine's private host key. */
async function writeSeedDisk(
  path: string,
  guest: Parameters<typeof seedDisk>[0],
  identity: SshIdentity,
): Promise<void> {
  await writeFile(path, await seedDisk(guest, identity), { mode: 0o600 })
}

async function readKey(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error) => {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `ssh.privateKey cannot be read: ${path}`, {
      details: [String(error)],
      cause: error,
    })
  })
}
