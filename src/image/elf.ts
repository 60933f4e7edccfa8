import { readFile } from 'node:fs/promises'
import { MayflyError } from '../errors.js'

// Numbers of elf(5).
const CLASS_64 = 2
const LITTLE_ENDIAN = 1
const PT_LOAD = 1
const PT_DYNAMIC = 2
const DT_NEEDED = 1n
const DT_STRTAB = 5n

interface Segment {
  type: number
  offset: number
  address: number
  size: number
}

/**
 * Names of the libraries that a program or a library is linked to, of any architecture with 64 bits and little-endian numbers:
 * nothing of it is run.
 * @throws MayflyError MAYFLY_BUILD_FAILED if it is no such file.
 */
export async function neededLibraries(path: string): Promise<string[]> {
  const file = await readFile(path)
  if (file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== CLASS_64 || file[5] !== LITTLE_ENDIAN) {
    throw new MayflyError('MAYFLY_BUILD_FAILED', `Not a 64-bit ELF file: ${path}`)
  }
  const segments = programHeaders(file)
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)
  if (!dynamic) return []
  const entries = dynamicEntries(file, dynamic)
  const strings = entries.find(([tag]) => tag === DT_STRTAB)
  if (!strings) return []
  const table = fileOffset(segments, Number(strings[1]))
  return entries.flatMap(([tag, value]) => {
    if (tag !== DT_NEEDED) return []
    const start = table + Number(value)
    return file.toString('latin1', start, file.indexOf(0, start))
  })
}

function programHeaders(file: Buffer): Segment[] {
  const [start, size, count] = [Number(file.readBigUInt64LE(0x20)), file.readUInt16LE(0x36), file.readUInt16LE(0x38)]
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size
    const [offset, address, length] = [0x08, 0x10, 0x20].map((field) => Number(file.readBigUInt64LE(at + field)))
    return { type: file.readUInt32LE(at), offset: offset!, address: address!, size: length! }
  })
}

function dynamicEntries(file: Buffer, { offset, size }: Segment): (readonly [tag: bigint, value: bigint])[] {
  return Array.from({ length: size / 16 }, (_, index) => {
    const at = offset + index * 16
    return [file.readBigUInt64LE(at), file.readBigUInt64LE(at + 8)] as const
  })
}

function fileOffset(segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    ({ type, address: start, size }) => type === PT_LOAD && address >= start && address < start + size,
  )
  return segment ? address - segment.address + segment.offset : address
}
