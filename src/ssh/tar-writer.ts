import { constants, type Stats } from 'node:fs'
import { lstat, open, readdir, readFile, readlink } from 'node:fs/promises'
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
}

export interface WriteTreeOptions {
  /** Permission bits of every regular file, instead of its own. */
  fileMode?: number | undefined
  /** Name of an empty file that ends the archive, by which the reader knows that nothing is missing. */
  lastEntry: string
}

/**
 * The contents of a local directory as a tar archive: files, directories, symlinks. It is written here, not by the
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

  for await (const batch of batches(walk(Buffer.from(directory), '.'))) {
    const contents = await Promise.all(batch.map(contentsOf))
    for (const [index, { name, path, stats }] of batch.entries()) {
      const content = contents[index]
      const common = { name, mode: modeOf(stats), mtimeSeconds: stats.mtimeMs / 1000 }
      if (stats.isDirectory()) add(tarHeader({ ...common, name: `${name}/`, type: 'directory', size: 0 }))
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

async function* walk(path: Buffer, name: string): AsyncGenerator<Found> {
  yield { name, path, stats: await lstat(name === '.' ? Buffer.concat([path, Buffer.from('/.')]) : path) }
  const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' })
  for (const entry of entries) {
    const child = Buffer.concat([path, Buffer.from('/'), entry.name])
    const childName = `${name}/${entry.name.toString('latin1')}`
    if (entry.isDirectory()) yield* walk(child, childName)
    else yield { name: childName, path: child, stats: await lstat(child) }
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

async function contentsOf({ path, stats }: Found): Promise<Buffer | undefined> {
  if (stats.isSymbolicLink()) return readlink(path, { encoding: 'buffer' })
  if (stats.isDirectory()) return undefined
  if (!stats.isFile()) throw new Error(`${path} is neither a file, a directory nor a symlink`)
  return stats.size <= SMALL_FILE_BYTES ? readFile(path) : undefined
}

/** The header has promised `size` bytes, so that many come or it fails. */
async function* readExactly(path: Buffer, size: number): AsyncGenerator<Buffer> {
  await using file = await openFile(path)
  for (let position = 0; position < size; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - position))
    const { bytesRead } = await file.handle.read(chunk, 0, chunk.length, position)
    if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`)
    position += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}

async function openFile(path: Buffer) {
  const handle = await open(path, constants.O_RDONLY)
  return { handle, [Symbol.asyncDispose]: () => handle.close() }
}
