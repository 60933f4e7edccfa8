import { constants } from 'node:fs'
import { chmod, type FileHandle, link, lstat, mkdir, open, readlink, symlink } from 'node:fs/promises'
import { errnoOf } from '../errors.js'
import type { RawHeader } from './tar-format.js'
import type { TarSink } from './tar-reader.js'

/** The user may enter, list and fill a directory of this mode. */
const FILLABLE = 0o700
const PERMISSIONS = 0o7777
/** Most bytes of names of directories whose modes wait until everything is in place. */
const MOST_WAITING = 32 * 1024 * 1024
/** The last second of the year 9999; file systems know no later one. */
const LATEST_SECOND = 253_402_300_799

/**
 * Writes an archive's entries below one local directory, which exists, is fresh and belongs to this process alone. The
 * guest is not trusted to stay below it: each entry is made new, and a path is refused if anything on it but its last
 * component is not a real directory. No entry replaces another, so a directory that was looked at stays one.
 */
export class LocalTree implements TarSink {
  readonly #root: string
  /** Modes that would keep this process from filling or moving the directory, by path below the root. */
  readonly #waitingModes = new Map<string, number>()
  #waitingBytes = 0
  #rootMode: number | undefined
  /** The components of the last path that was found to be real directories. */
  #parents: readonly string[] = []
  readonly #skipped: string[] = []
  #file: { handle: FileHandle; entry: RawHeader } | undefined
  #closed = false

  /** @param root as bytes in a latin1 string, like all names here. */
  constructor(root: string) {
    this.#root = root
  }

  /** Devices and FIFOs of the archive, which are not copied. */
  get skipped(): readonly string[] {
    return this.#skipped
  }

  /** The mode of the archive's top directory. */
  get rootMode(): number {
    return this.#rootMode ?? 0o755
  }

  /** Modes to be set when the tree has its final place, the deepest directory first. Paths are relative. */
  get waitingModes(): [path: string, mode: number][] {
    return [...this.#waitingModes].reverse()
  }

  async directory(entry: RawHeader): Promise<void> {
    const parts = this.#partsOf(entry.name)
    const mode = entry.mode & PERMISSIONS
    if (parts.length === 0) {
      this.#rootMode = mode
      return
    }
    await this.#makeParents(parts)
    const path = parts.join('/')
    if ((mode & FILLABLE) !== FILLABLE) return this.#setModeLater(path, mode)
    this.#waitingModes.delete(path)
    await chmod(this.#pathOf(parts), mode)
  }

  async symlink(entry: RawHeader): Promise<void> {
    const path = await this.#newPath(entry.name)
    await symlink(bytesOf(entry.linkName ?? ''), path)
  }

  async hardLink(entry: RawHeader): Promise<void> {
    const path = await this.#newPath(entry.name)
    const target = this.#partsOf(entry.linkName ?? '')
    await this.#checkParents(target.slice(0, -1), entry.linkName!)
    const existing = this.#pathOf(target)
    const stats = await lstat(existing)
    // Some systems follow a symlink here. A copy of it reads the same.
    if (stats.isSymbolicLink()) await symlink(await readlink(existing, { encoding: 'buffer' }), path)
    else if (stats.isFile()) await link(existing, path)
    else throw new Error(`the archive has a hard link to a directory: ${shown(entry.name)}`)
  }

  async openFile(entry: RawHeader): Promise<void> {
    const path = await this.#newPath(entry.name)
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    this.#file = { handle: await open(path, flags, 0o600), entry }
  }

  async writeFile(chunk: Buffer): Promise<void> {
    await this.#file!.handle.writeFile(chunk)
  }

  async closeFile(): Promise<void> {
    const { handle, entry } = this.#file!
    // After the contents, because writing clears the setuid bit.
    await handle.chmod(entry.mode & PERMISSIONS)
    const seconds = Math.min(Math.max(entry.mtimeSeconds, 0), LATEST_SECOND)
    await handle.utimes(seconds, seconds)
    await this.#closeHandle()
  }

  skip(entry: RawHeader): void {
    if (this.#skipped.length < 1000) this.#skipped.push(bytesOf(entry.name).toString())
  }

  /** Makes nothing more, and closes what is open. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#closeHandle()
  }

  async #closeHandle(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.handle.close()
  }

  /** The path of an entry that is not there yet; its parents are. */
  async #newPath(name: string): Promise<Buffer> {
    const parts = this.#partsOf(name)
    if (parts.length === 0) throw new Error('the archive has an entry without a name')
    await this.#makeParents(parts.slice(0, -1))
    return this.#pathOf(parts)
  }

  async #makeParents(parts: readonly string[]): Promise<void> {
    await this.#descend(parts, async (path) => {
      try {
        await mkdir(path, FILLABLE)
        return true
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error
        return (await lstat(path)).isDirectory()
      }
    })
  }

  async #checkParents(parts: readonly string[], name: string): Promise<void> {
    await this.#descend(parts, async (path) => (await lstat(path)).isDirectory(), name)
  }

  /** Goes from directory to directory, as the archive does: those on the way to the last path are known already. */
  async #descend(parts: readonly string[], isDirectory: (path: Buffer) => Promise<boolean>, name = parts.join('/')) {
    let known = 0
    while (known < parts.length && parts[known] === this.#parents[known]) known++
    for (; known < parts.length; known++) {
      const upTo = parts.slice(0, known + 1)
      if (!(await isDirectory(this.#pathOf(upTo)))) {
        throw new Error(`the archive names a path through one of its own links or files: ${shown(name)}`)
      }
      this.#parents = upTo
    }
  }

  #setModeLater(path: string, mode: number): void {
    this.#waitingBytes += path.length
    if (this.#waitingBytes > MOST_WAITING)
      throw new Error('the archive has too many directories that may not be filled')
    this.#waitingModes.set(path, mode)
  }

  #partsOf(name: string): string[] {
    if (this.#closed) throw new Error('the transfer has ended')
    const parts = name.split('/').filter((part) => part !== '' && part !== '.')
    if (parts.includes('..')) throw new Error(`the archive names a path outside itself: ${shown(name)}`)
    return parts
  }

  #pathOf(parts: readonly string[]): Buffer {
    return bytesOf([this.#root, ...parts].join('/'))
  }
}

/** Sets the mode of a directory that was made here, wherever it has been moved to; never through a link. */
export async function setDirectoryMode(path: Buffer, mode: number): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    await handle.chmod(mode)
  } finally {
    await handle.close()
  }
}

export function bytesOf(latin1: string): Buffer {
  return Buffer.from(latin1, 'latin1')
}

/** A name of the archive for a message. */
export function shown(latin1: string): string {
  return JSON.stringify(bytesOf(latin1).toString())
}
