/** A tar archive is made of blocks of this size; contents are padded to it. */
export const BLOCK = 512

export type TarType = 'file' | 'hardLink' | 'directory' | 'symlink'

/** What a header says. Names are bytes held in latin1 strings, because file names need not be UTF-8. */
export interface TarEntry {
  name: string
  type: TarType
  mode: number
  size: number
  mtimeSeconds: number
  /** Target of a symlink; the name of an earlier entry for a hard link. */
  linkName?: string | undefined
}

const TYPE_FLAGS: Record<TarType, string> = { file: '0', hardLink: '1', directory: '5', symlink: '2' }
/** Field offsets and lengths of the ustar header (POSIX.1-1988, kept by GNU). */
const LARGEST_OCTAL_SIZE = 0o77777777777

/**
 * The header of an entry in GNU format. Not pax: busybox's tar ignores pax headers, and both it and GNU tar read GNU's
 * long names and binary sizes.
 */
export function tarHeader(entry: TarEntry): Buffer {
  const parts: Buffer[] = []
  if (entry.linkName !== undefined && entry.linkName.length > 100) parts.push(longName('K', entry.linkName))
  if (entry.name.length > 100) parts.push(longName('L', entry.name))
  parts.push(block(entry.name, TYPE_FLAGS[entry.type], entry.mode, entry.size, entry.mtimeSeconds, entry.linkName))
  return Buffer.concat(parts)
}

/** How many zero bytes follow contents of `size` bytes. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

function longName(flag: 'K' | 'L', name: string): Buffer {
  const contents = Buffer.from(`${name}\0`, 'latin1')
  return Buffer.concat([
    block('././@LongLink', flag, 0, contents.length, 0),
    contents,
    Buffer.alloc(paddingOf(contents.length)),
  ])
}

function block(name: string, flag: string, mode: number, size: number, mtimeSeconds: number, linkName = ''): Buffer {
  const header = Buffer.alloc(BLOCK)
  header.write(name.slice(0, 100), 0, 'latin1')
  octal(header, 100, 8, mode & 0o7777)
  octal(header, 108, 8, 0)
  octal(header, 116, 8, 0)
  if (size <= LARGEST_OCTAL_SIZE) octal(header, 124, 12, size)
  else {
    header[124] = 0x80
    header.writeBigUInt64BE(BigInt(size), 128)
  }
  octal(header, 136, 12, Math.max(0, Math.floor(mtimeSeconds)))
  header.write(flag, 156, 'latin1')
  header.write(linkName.slice(0, 100), 157, 'latin1')
  header.write('ustar  \0', 257, 'latin1')
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

function octal(header: Buffer, offset: number, length: number, value: number): void {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1')
}

/** One header block as it stands in an archive, before long names are applied. Undefined for a block of zeros. */
export interface RawHeader extends Omit<TarEntry, 'type'> {
  flag: string
}

/** @throws Error if the block is not a tar header, or if a number in it cannot be one. */
export function parseHeader(header: Buffer): RawHeader | undefined {
  let sum = 8 * 32
  for (let index = 0; index < BLOCK; index++) if (index < 148 || index >= 156) sum += header[index]!
  if (sum === 8 * 32 && header.every((byte) => byte === 0)) return undefined
  if (sum !== readNumber(header, 148, 8)) throw damaged('wrong header checksum')
  const isPosix = header.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isPosix ? readText(header, 345, 155) : ''
  const name = readText(header, 0, 100)
  return {
    name: prefix ? `${prefix}/${name}` : name,
    flag: String.fromCharCode(header[156]!),
    mode: readNumber(header, 100, 8),
    size: checkedSize(readNumber(header, 124, 12)),
    mtimeSeconds: readNumber(header, 136, 12),
    linkName: readText(header, 157, 100),
  }
}

export function damaged(why: string): Error {
  return new Error(`the archive is damaged: ${why}`)
}

/** @throws Error unless `size` can be the length of something. */
export function checkedSize(size: number): number {
  if (!Number.isSafeInteger(size) || size < 0) throw damaged('a size that is not one')
  return size
}

function readText(header: Buffer, offset: number, length: number): string {
  const text = header.toString('latin1', offset, offset + length)
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}

/** Octal digits, or GNU's binary form, whose first bit is set: two's complement without that bit. */
function readNumber(header: Buffer, offset: number, length: number): number {
  const first = header[offset]!
  if (first & 0x80) {
    const low = header.readBigInt64BE(offset + length - 8)
    const high = header.subarray(offset + 1, offset + length - 8)
    const sign = low < 0n ? 0xff : 0
    if ((first !== 0x80 && first !== 0xff) || (first === 0xff) !== low < 0n || high.some((byte) => byte !== sign)) {
      throw damaged('a number out of range')
    }
    return Number(low)
  }
  const text = readText(header, offset, length).trim()
  if (!/^[0-7]*$/.test(text)) throw damaged('a number that is not one')
  return Number.parseInt(text || '0', 8)
}
