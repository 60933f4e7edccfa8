import { chmod, type FileHandle, link, mkdir, open, rm, symlink } from 'node:fs/promises'
import type { RawHeader } from './tar-format.js'
import type { TarSink } from './tar-reader.js'

/** Writes an archive's entries below one local directory, which exists and is fresh. */
export class LocalTree implements TarSink {
  readonly #root: Buffer
  readonly #directoryModes: [path: Buffer, mode: number][] = []
  readonly #symlinks = new Set<string>()
  #file: FileHandle | undefined
  #mtimeSeconds = 0

  constructor(root: string) {
    this.#root = Buffer.from(root)
  }

  async directory(entry: RawHeader): Promise<void> {
    const path = this.#pathOf(entry.name)
    await mkdir(path, { recursive: true })
    // Last, because a directory that may not be written must still be filled.
    this.#directoryModes.push([path, entry.mode])
  }

  async symlink(entry: RawHeader): Promise<void> {
    const path = this.#pathOf(entry.name)
    await symlink(Buffer.from(entry.linkName ?? '', 'latin1'), path)
    this.#symlinks.add(path.toString('latin1'))
  }

  async hardLink(entry: RawHeader): Promise<void> {
    await link(this.#pathOf(entry.linkName ?? ''), this.#pathOf(entry.name))
  }

  async openFile(entry: RawHeader): Promise<void> {
    // 'wx': an archive that names a path twice must not write through a symlink it made.
    this.#file = await open(this.#pathOf(entry.name), 'wx', 0o600)
    await this.#file.chmod(entry.mode & 0o777)
    this.#mtimeSeconds = entry.mtimeSeconds
  }

  async writeFile(chunk: Buffer): Promise<void> {
    await this.#file!.writeFile(chunk)
  }

  async closeFile(): Promise<void> {
    await this.#file!.utimes(this.#mtimeSeconds, this.#mtimeSeconds)
    await this.#close()
  }

  /** Everything has arrived. */
  async finish(): Promise<void> {
    for (const [path, mode] of this.#directoryModes.reverse()) await chmod(path, mode & 0o777)
  }

  /** It failed: nothing of it may stay. */
  async discard(): Promise<void> {
    await this.#close()
    await rm(this.#root, { recursive: true, force: true })
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  #pathOf(name: string): Buffer {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.')
    if (parts.includes('..')) throw new Error(`the archive names a path outside itself: ${name}`)
    let path = this.#root.toString('latin1')
    for (const part of parts) {
      // The guest is not trusted to stay below the target directory.
      if (this.#symlinks.has(path)) throw new Error(`the archive names a path behind its own symlink: ${name}`)
      path += `/${part}`
    }
    return Buffer.from(path, 'latin1')
  }
}
