import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** One member of an archive. Paths are relative to the root of the guest; everything belongs to root. */
export type CpioEntry =
  | { type: 'directory'; path: string; mode?: number }
  | { type: 'file'; path: string; mode?: number; content: Buffer | string | HostFile }
  | { type: 'symlink'; path: string; target: string }
  | { type: 'device'; path: string; kind: 'char' | 'block'; major: number; minor: number; mode?: number }

/** A file of the host, read while the archive is written. */
export interface HostFile {
  hostPath: string
}

interface Member {
  path: string
  mode: number
  size: number
  data: Buffer | HostFile
  major?: number
  minor?: number
}

const TYPES = { file: 0o100000, directory: 0o040000, symlink: 0o120000, char: 0o020000, block: 0o060000 }
const EMPTY = Buffer.alloc(0)
/** Archives can be concatenated when each ends on a boundary that the kernel accepts; it skips the zeros between. */
const ARCHIVE_ALIGNMENT = 512

/**
 * A newc archive in memory. Equal entries give equal bytes: times are zero and inode numbers count up.
 * The length is a multiple of 512 bytes, so that archives can be joined end to end.
 */
export function cpio(entries: Iterable<Exclude<CpioEntry, { type: 'file' }> | MemoryFile>): Buffer {
  const writer = new Writer()
  const chunks: Buffer[] = []
  for (const entry of entries) {
    const member = toMember(entry, 0)
    chunks.push(writer.header(member), member.data as Buffer, writer.padding(member.size))
  }
  chunks.push(writer.trailer())
  return Buffer.concat(chunks)
}

/** A file member whose content is in memory. */
export interface MemoryFile {
  type: 'file'
  path: string
  mode?: number
  content: Buffer | string
}

/** Writes a newc archive to a file of the host, one member at a time; host files are streamed. */
export async function writeCpio(
  hostPath: string,
  entries: Iterable<CpioEntry> | AsyncIterable<CpioEntry>,
): Promise<void> {
  await pipeline(Readable.from(chunksOf(entries), { objectMode: false }), createWriteStream(hostPath))
}

async function* chunksOf(entries: Iterable<CpioEntry> | AsyncIterable<CpioEntry>): AsyncGenerator<Buffer> {
  const writer = new Writer()
  for await (const entry of entries) {
    const size = entry.type === 'file' && isHostFile(entry.content) ? (await stat(entry.content.hostPath)).size : 0
    const member = toMember(entry, size)
    yield writer.header(member)
    if (!isHostFile(member.data)) {
      if (member.size > 0) yield member.data
    } else if (size > 0) {
      // `end` keeps the archive well-formed should the file grow meanwhile.
      let seen = 0
      for await (const chunk of createReadStream(member.data.hostPath, { end: size - 1 })) {
        seen += (chunk as Buffer).length
        yield chunk as Buffer
      }
      if (seen !== size) throw new Error(`${member.data.hostPath} shrank while it was archived`)
    }
    yield writer.padding(member.size)
  }
  yield writer.trailer()
}

function toMember(entry: CpioEntry, hostSize: number): Member {
  const path = entry.path.replace(/^\/+/, '')
  switch (entry.type) {
    case 'directory':
      return { path, mode: TYPES.directory | (entry.mode ?? 0o755), size: 0, data: EMPTY }
    case 'symlink': {
      const data = Buffer.from(entry.target)
      return { path, mode: TYPES.symlink | 0o777, size: data.length, data }
    }
    case 'device':
      return {
        path,
        mode: TYPES[entry.kind] | (entry.mode ?? 0o600),
        size: 0,
        data: EMPTY,
        major: entry.major,
        minor: entry.minor,
      }
    case 'file': {
      const mode = TYPES.file | (entry.mode ?? 0o644)
      if (isHostFile(entry.content)) return { path, mode, size: hostSize, data: entry.content }
      const data = Buffer.from(entry.content as string)
      return { path, mode, size: data.length, data }
    }
  }
}

/** Counts inodes and bytes: the format of linux/Documentation/driver-api/early-userspace/buffer-format.rst. */
class Writer {
  #inode = 0
  #offset = 0

  header(member: Member): Buffer {
    const name = Buffer.from(`${member.path}\0`)
    const fields = [
      ++this.#inode,
      member.mode,
      0, // uid
      0, // gid
      (member.mode & 0o170000) === TYPES.directory ? 2 : 1, // links
      0, // modification time
      member.size,
      0, // device the file was on
      0,
      member.major ?? 0,
      member.minor ?? 0,
      name.length,
      0, // checksum, unused by this variant
    ]
    const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
    const padding = zeros(head.length + name.length, 4)
    this.#offset += head.length + name.length + padding.length + member.size
    return Buffer.concat([head, name, padding])
  }

  padding(size: number): Buffer {
    const padding = zeros(size, 4)
    this.#offset += padding.length
    return padding
  }

  trailer(): Buffer {
    const head = this.header({ path: 'TRAILER!!!', mode: 0, size: 0, data: EMPTY })
    return Buffer.concat([head, zeros(this.#offset, ARCHIVE_ALIGNMENT)])
  }
}

function zeros(length: number, alignment: number): Buffer {
  return Buffer.alloc((alignment - (length % alignment)) % alignment)
}

function isHostFile(content: Buffer | string | HostFile): content is HostFile {
  return typeof content === 'object' && 'hostPath' in content
}
