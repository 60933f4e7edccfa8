import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, posix, resolve } from 'node:path'
import { errnoOf } from '../errors.js'
import type { FrameSink } from './framed-stream.js'
import { bytesOf, LocalTree, setDirectoryMode } from './local-tree.js'
import { mergeTree } from './merge-tree.js'
import { TarReader } from './tar-reader.js'

/** Remembers a path that must be removed if this process dies; the result forgets it. */
export type RememberStaging = (path: string) => Promise<() => Promise<void>>

/** Takes a file or an archive from the guest, and keeps it under a temporary name until all of it is there. */
export class DownloadReceiver implements FrameSink {
  readonly #local: string
  readonly #remote: string
  readonly #remember: RememberStaging | undefined
  #receiving: ReceivedFile | ReceivedTree | undefined
  #staging: string | undefined
  #forget: (() => Promise<void>) | undefined
  #busy: Promise<void> = Promise.resolve()

  constructor(local: string, remote: string, remember?: RememberStaging) {
    this.#local = local
    this.#remote = remote
    this.#remember = remember
  }

  begin(words: readonly string[]): Promise<void> {
    return this.#track(() => this.#begin(words))
  }

  contents(chunk: Buffer): Promise<void> {
    return this.#track(() => this.#receiving!.write(chunk))
  }

  /** Moves what has come into place. @param end what the guest said at the end. */
  async finish(end: readonly string[]): Promise<readonly string[]> {
    if (!this.#receiving) throw new Error('nothing came')
    return await this.#receiving.finish(end)
  }

  /** Removes whatever has a temporary name. Nothing is written any more when it settles. */
  async discard(): Promise<void> {
    // At once, so that what is being unpacked ends where it is.
    const stopped = this.#receiving?.close()
    await Promise.allSettled([stopped, this.#busy])
    await this.#receiving?.close().catch(() => {})
    if (this.#staging !== undefined) await rm(this.#staging, { recursive: true, force: true })
    await this.#forget?.()
  }

  #track(work: () => Promise<void>): Promise<void> {
    this.#busy = work()
    return this.#busy
  }

  async #begin([kind, mode, size, blocks]: readonly string[]): Promise<void> {
    const target = resolve(this.#local)
    if (kind === 'D') {
      const existing = await existingAt(target)
      if (existing && !existing.isDirectory()) throw systemError('ENOTDIR', `there is a file at ${target}`)
      // Inside it, because it may be a mount point: only there a rename moves into it.
      const staging = await this.#stage(existing ? target : dirname(target))
      await mkdir(staging, 0o700)
      this.#receiving = new ReceivedTree(staging, target, existing !== undefined)
      return
    }
    const numbers = [Number.parseInt(mode ?? '', 8), Number(size), Number(blocks)] as const
    if (kind !== 'F' || numbers.some((number) => !Number.isSafeInteger(number) || number < 0)) {
      throw new Error('the guest did not say what comes')
    }
    const file = this.#local.endsWith('/') ? join(target, posix.basename(this.#remote)) : target
    // Without blocks, the size says nothing: the files of /proc and /sys have such sizes.
    const wanted = numbers[2] > 0 ? numbers[1] : undefined
    this.#receiving = new ReceivedFile(await this.#openFile(file), numbers[0] & 0o7777, wanted)
  }

  async #openFile(target: string): Promise<OpenedFile> {
    const existing = await existingAt(target)
    if (existing?.isDirectory()) throw systemError('EISDIR', `there is a directory at ${target}`)
    if (existing && !existing.isFile()) {
      const itself = await lstat(target)
      if (itself.isSymbolicLink()) throw systemError('EINVAL', `${target} leads to something that is not a file`)
      return { handle: await open(target, constants.O_WRONLY | constants.O_NOFOLLOW), target, staging: undefined }
    }
    const staging = await this.#stage(dirname(target))
    return { handle: await open(staging, 'wx', 0o600), target, staging }
  }

  /** Not named after the target: a long name would become too long. */
  async #stage(directory: string): Promise<string> {
    await mkdir(directory, { recursive: true })
    const staging = join(directory, `.mayfly-${randomBytes(6).toString('hex')}`)
    this.#forget = await this.#remember?.(staging)
    this.#staging = staging
    return staging
  }
}

interface OpenedFile {
  handle: FileHandle
  target: string
  /** Undefined if it is written in place: a device or a FIFO. */
  staging: string | undefined
}

class ReceivedFile {
  readonly #file: OpenedFile
  readonly #mode: number
  readonly #wanted: number | undefined
  #received = 0
  #closed: Promise<void> | undefined

  constructor(file: OpenedFile, mode: number, wanted: number | undefined) {
    this.#file = file
    this.#mode = mode
    this.#wanted = wanted
  }

  async write(chunk: Buffer): Promise<void> {
    const missing = this.#wanted === undefined ? chunk.length : Math.max(0, this.#wanted - this.#received)
    this.#received += chunk.length
    // A file that grows is sent a little further than it was.
    if (missing > 0) await this.#file.handle.writeFile(chunk.subarray(0, missing))
  }

  async finish([, sizeAtEnd]: readonly string[]): Promise<readonly string[]> {
    const { handle, target, staging } = this.#file
    checkLength(this.#received, this.#wanted, Number(sizeAtEnd))
    if (staging !== undefined) await handle.chmod(this.#mode)
    await this.close()
    if (staging !== undefined) await rename(staging, target)
    return []
  }

  close(): Promise<void> {
    this.#closed ??= this.#file.handle.close()
    return this.#closed
  }
}

/** @throws Error unless `received` bytes are all of a file that had `wanted` when it was opened and has `sizeAtEnd` now. */
function checkLength(received: number, wanted: number | undefined, sizeAtEnd: number): void {
  if (wanted === undefined) return
  if (received < wanted && !(sizeAtEnd <= received)) {
    throw new Error(`${received} of ${wanted} bytes came: the file became shorter while it was read`)
  }
  if (received > wanted && sizeAtEnd === wanted) throw new Error(`${received} bytes came of a file of ${wanted}`)
}

class ReceivedTree {
  readonly #staging: string
  readonly #target: string
  readonly #exists: boolean
  readonly #tree: LocalTree
  readonly #tar: TarReader

  constructor(staging: string, target: string, exists: boolean) {
    this.#staging = latin1Of(staging)
    this.#target = latin1Of(target)
    this.#exists = exists
    this.#tree = new LocalTree(this.#staging)
    this.#tar = new TarReader(this.#tree)
  }

  write(chunk: Buffer): Promise<void> {
    return this.#tar.write(chunk)
  }

  async finish(): Promise<readonly string[]> {
    if (!this.#tar.ended) throw new Error('the archive is not complete')
    let merged = new Set<string>()
    if (this.#exists) merged = await mergeTree(this.#staging, this.#target)
    else await rename(bytesOf(this.#staging), bytesOf(this.#target))
    for (const [path, mode] of this.#tree.waitingModes) {
      if (!merged.has(path)) await setDirectoryMode(bytesOf(`${this.#target}/${path}`), mode)
    }
    if (!this.#exists) await setDirectoryMode(bytesOf(this.#target), this.#tree.rootMode)
    return this.#tree.skipped
  }

  close(): Promise<void> {
    return this.#tree.close()
  }
}

function existingAt(path: string) {
  return stat(path).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

function latin1Of(path: string): string {
  return Buffer.from(path).toString('latin1')
}
