import type { Stats } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { errnoOf } from '../errors.js'
import { readExactly } from './read-exactly.js'
import { BLOCK, paddingOf, tarHeader } from './tar-format.js'

/** Chunks of the archive are gathered to this size, so that small files share SSH packets. */
const CHUNK_BYTES = 256 * 1024
/** Files up to this size are read ahead, several at a time. */
const SMALL_FILE_BYTES = 128 * 1024
const READ_AHEAD = 32

interface Found {
  /** Path inside the archive, as bytes in a latin1 string. */
  name: string
  path: Buffer
  stats: Stats
  /** The name of an earlier entry that is the same file. */
  sameAs?: string | undefined
}

export interface WriteTreeOptions {
  /** Permission bits of every regular file, instead of its own. */
  fileMode?: number | undefined
  /** Name of an empty file that ends the archive, by which the reader knows that nothing is missing. */
  lastEntry: string
  /** Is told of each path that is neither a file, a directory nor a symlink, or that was removed meanwhile: it is left out. */
  onSkipped?: ((path: string) => void) | undefined
}

/**
 * The contents of a local directory as a tar archive: files, hard links, directories, symlinks. It is written here, not by the
 * host's tar, because tars differ (BSD's adds metadata files, pax headers are lost on busybox) and macOS has another one.
 */
export async function* writeTree(directory: string, options: WriteTreeOptions): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  let bytes = 0
  const add = (part: Buffer) => {
    parts.push(part)
    bytes += part.length
  }
  function* flush(atLeast: number): Generator<Buffer> {
    if (bytes === 0 || bytes < atLeast) return
    yield Buffer.concat(parts)
    parts = []
    bytes = 0
  }
  const modeOf = (stats: Stats) => (stats.isFile() ? (options.fileMode ?? stats.mode) : stats.mode)

  const skip = (path: Buffer) => options.onSkipped?.(path.toString())
  const writing = new Set<string>()

  for await (const batch of batches(walk(Buffer.from(directory), '.', skip))) {
    const contents = await Promise.all(batch.map(contentsOf))
    for (const [index, { name, path, stats, sameAs }] of batch.entries()) {
      const content = contents[index]
      const common = { name, mode: modeOf(stats), mtimeSeconds: stats.mtimeMs / 1000 }
      if (content === 'gone' || (sameAs !== undefined && !writing.has(sameAs))) {
        skip(path)
        continue
      }
      if (stats.isFile() && stats.nlink > 1) writing.add(name)
      if (stats.isDirectory()) add(tarHeader({ ...common, name: `${name}/`, type: 'directory', size: 0 }))
      else if (sameAs !== undefined) add(tarHeader({ ...common, type: 'hardLink', size: 0, linkName: sameAs }))
      else if (stats.isSymbolicLink()) {
        add(tarHeader({ ...common, type: 'symlink', size: 0, linkName: content!.toString('latin1') }))
      } else if (content) {
        add(tarHeader({ ...common, type: 'file', size: content.length }))
        add(content)
        add(Buffer.alloc(paddingOf(content.length)))
      } else {
        add(tarHeader({ ...common, type: 'file', size: stats.size }))
        yield* flush(0)
        yield* readExactly(path, stats.size)
        add(Buffer.alloc(paddingOf(stats.size)))
      }
      yield* flush(CHUNK_BYTES)
    }
  }
  add(tarHeader({ name: `./${options.lastEntry}`, type: 'file', mode: 0o600, size: 0, mtimeSeconds: 0 }))
  add(Buffer.alloc(2 * BLOCK))
  yield* flush(0)
}

async function* walk(
  root: Buffer,
  rootName: string,
  skip: (path: Buffer) => void,
  /** The first name of each file that has several, by its device and inode. */
  names = new Map<string, string>(),
): AsyncGenerator<Found> {
  // A symlink to a directory is followed where it is what the caller named, and nowhere else.
  const self = rootName === '.' ? Buffer.concat([root, Buffer.from('/.')]) : root
  const stats = await unlessGone(lstat(self))
  const entries = stats && (await unlessGone(readdir(root, { withFileTypes: true, encoding: 'buffer' })))
  if (!stats || !entries) return skip(root)
  yield { name: rootName, path: root, stats }
  for (const entry of entries) {
    const path = Buffer.concat([root, Buffer.from('/'), entry.name])
    const name = `${rootName}/${entry.name.toString('latin1')}`
    if (entry.isDirectory()) yield* walk(path, name, skip, names)
    else {
      const found = await unlessGone(lstat(path))
      if (found?.isSymbolicLink()) yield { name, path, stats: found }
      else if (!found?.isFile()) skip(path)
      else yield { name, path, stats: found, sameAs: found.nlink > 1 ? await firstName(path, name, names) : undefined }
    }
  }
}

async function firstName(path: Buffer, name: string, names: Map<string, string>): Promise<string | undefined> {
  // Inodes of some file systems are larger than a number can hold.
  const stats = await unlessGone(lstat(path, { bigint: true }))
  const key = `${stats?.dev}:${stats?.ino}`
  const first = names.get(key)
  if (first === undefined) names.set(key, name)
  return first
}

/** Undefined if it was removed after its directory had been read. */
async function unlessGone<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function* batches(found: AsyncIterable<Found>): AsyncGenerator<Found[]> {
  let batch: Found[] = []
  for await (const one of found) {
    if (batch.push(one) < READ_AHEAD) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** Undefined for a file that is too large to be read ahead, and for what has no contents. */
async function contentsOf({ path, stats, sameAs }: Found): Promise<Buffer | 'gone' | undefined> {
  if (sameAs !== undefined || stats.isDirectory()) return undefined
  if (stats.isSymbolicLink()) return (await unlessGone(readlink(path, { encoding: 'buffer' }))) ?? 'gone'
  return stats.size <= SMALL_FILE_BYTES ? ((await unlessGone(readFile(path))) ?? 'gone') : undefined
}
