import { open } from 'node:fs/promises'
import { MayflyError } from '../errors.js'
import { unreadable } from './file-digest.js'
import { inspectDisk } from './overlay.js'

export interface Disk {
  format: 'qcow2' | 'raw'
  virtualSizeBytes: number
}

/**
 * A disk that reads no other file: what it boots would not be what was digested, and what it names might be anybody's.
 * What it is, its bytes say. QEMU is not asked before the header is known to name nothing.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND, MAYFLY_IMAGE_CORRUPT.
 */
export async function wholeDisk(path: string): Promise<Disk> {
  const other = await otherFile(path).catch(unreadable(path))
  if (other !== undefined) {
    throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `the disk ${path} is a layer over another file, ${other}`, {
      hint: `Make one of them: qemu-img convert -O qcow2 ${path} whole.qcow2, or mayfly image import --convert ${path}`,
    })
  }
  const { format, virtualSizeBytes } = await inspectDisk(path)
  if (format !== 'qcow2' && format !== 'raw') {
    throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `the disk ${path} is of format ${format}`, {
      hint: `Convert it: qemu-img convert -O qcow2 ${path} disk.qcow2, or mayfly image import --convert ${path}`,
    })
  }
  return { format, virtualSizeBytes }
}

const HEADER_BYTES = 104
const LARGEST_CLUSTER_BYTES = 2 * 1024 * 1024
const EXTERNAL_DATA_FILE = 1n << 2n

/** What a qcow2 reads besides itself, by the fields of qemu/docs/interop/qcow2.txt. */
async function otherFile(path: string): Promise<string | undefined> {
  await using file = await open(path)
  const read = async (position: number, length: number) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  }
  const header = await read(0, HEADER_BYTES)
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, 4) !== 'QFI\xfb') return undefined
  const backingAt = Number(header.readBigUInt64BE(8))
  // Beyond its first cluster, of 2 MiB at most, QEMU takes none.
  if (backingAt > LARGEST_CLUSTER_BYTES) return undefined
  if (backingAt !== 0) return (await read(backingAt, Math.min(1023, header.readUInt32BE(16)))).toString('utf8')
  const hasFeatures = header.readUInt32BE(4) >= 3
  return hasFeatures && header.readBigUInt64BE(72) & EXTERNAL_DATA_FILE ? 'which has its data' : undefined
}
