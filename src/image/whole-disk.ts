import { open } from 'node:fs/promises'
import { MayflyError } from '../errors.js'
import { formatOfHead, HEAD_BYTES } from './disk-format.js'
import { unreadable } from './file-digest.js'
import { checkDisk, inspectDisk } from './overlay.js'

export interface Disk {
  format: 'qcow2' | 'raw'
  virtualSizeBytes: number
}

/** Where a disk is from, if the file at hand is not the user's own: a download, or what was unpacked. */
export interface DiskOrigin {
  url?: string | undefined
  path?: string | undefined
}

/**
 * A disk that reads no other file: what it boots would not be what was digested, and what it names might be anybody's.
 * What it is, its bytes say. QEMU is not asked before the header is known to name nothing.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND, MAYFLY_IMAGE_CORRUPT.
 */
export async function wholeDisk(path: string, origin?: DiskOrigin): Promise<Disk> {
  const name = origin?.url ?? origin?.path ?? path
  const { format, other, encrypted } = await readHeader(path).catch(unreadable(path))
  if (encrypted) throw isEncrypted(name)
  if (other !== undefined) {
    throw corrupt(`the disk ${name} is a layer over another file, ${other}`, convertHint(path, origin, 'whole.qcow2'))
  }
  if (format !== 'qcow2' && format !== 'raw') {
    throw corrupt(`the disk ${name} is of format ${format}`, convertHint(path, origin, 'disk.qcow2'))
  }
  const { virtualSizeBytes, others, encrypted: locked } = await inspectDisk(path, format)
  if (locked) throw isEncrypted(name)
  // A header that is read in two ways.
  if (others.length > 0) throw corrupt(`the disk ${name} is a layer over another file, ${others.join(', ')}`)
  return { format, virtualSizeBytes }
}

/**
 * The same of one that is also free of damage that `qemu-img check` can see, such as an end that is missing.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND, MAYFLY_IMAGE_CORRUPT.
 */
export async function soundDisk(path: string, origin?: DiskOrigin): Promise<Disk> {
  const disk = await wholeDisk(path, origin)
  const damage = await findDiskDamage(path, disk.format)
  if (damage === undefined) return disk
  throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `the disk ${origin?.url ?? origin?.path ?? path} is damaged`, {
    details: [damage],
    hint: 'Get it again: a download or a copy may have ended early.',
  })
}

/** What `qemu-img check` has found, in a clause for people; undefined if nothing, or for a format without anything to check. */
export async function findDiskDamage(path: string, format: string): Promise<string | undefined> {
  return format === 'raw' ? undefined : await checkDisk(path, format)
}

function corrupt(message: string, hint?: string): MayflyError {
  return new MayflyError('MAYFLY_IMAGE_CORRUPT', message, { hint })
}

function isEncrypted(name: string): MayflyError {
  return corrupt(`the disk ${name} is encrypted`, 'Decrypt it: Mayfly has no way to ask for its key.')
}

/** A file that will be gone is not named. */
function convertHint(path: string, origin: DiskOrigin | undefined, to: string): string {
  if (origin?.url !== undefined) return 'Download it, and import the file with mayfly image import --convert.'
  if (origin !== undefined) return 'Unpack it, and import the file with mayfly image import --convert.'
  return `Convert it: qemu-img convert -O qcow2 ${path} ${to}, or mayfly image import --convert ${path}`
}

const LARGEST_CLUSTER_BYTES = 2 * 1024 * 1024
const EXTERNAL_DATA_FILE = 1n << 2n

interface Header {
  format: string
  /** What it reads besides itself. */
  other?: string | undefined
  encrypted?: boolean | undefined
}

/** By the fields of qemu/docs/interop/qcow2.txt. */
async function readHeader(path: string): Promise<Header> {
  await using file = await open(path)
  const read = async (position: number, length: number) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  }
  const head = await read(0, HEAD_BYTES)
  const format = formatOfHead(head)
  if (format === 'luks') return { format, encrypted: true }
  if (format !== 'qcow2') return { format }
  const encrypted = head.readUInt32BE(32) !== 0
  const backingAt = Number(head.readBigUInt64BE(8))
  // Beyond its first cluster, of 2 MiB at most, QEMU takes none.
  if (backingAt > LARGEST_CLUSTER_BYTES) return { format, encrypted }
  if (backingAt !== 0) {
    const other = (await read(backingAt, Math.min(1023, head.readUInt32BE(16)))).toString('utf8')
    return { format, encrypted, other }
  }
  const hasDataFile = head.readUInt32BE(4) >= 3 && head.readBigUInt64BE(72) & EXTERNAL_DATA_FILE
  return { format, encrypted, other: hasDataFile ? 'which has its data' : undefined }
}
