import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { compressionOf, Decompressor, MAGIC_BYTES } from '../decompress.js'
import type { Checksum, ChecksumAlgorithm } from './checksum.js'
import type { Partial } from './partial.js'

/** Pieces of this size keep the hash, the disk and the unpacking busy side by side. */
const BLOCK_BYTES = 1024 * 1024

export interface IntakeOptions {
  partial: Partial
  algorithm: ChecksumAlgorithm
  /** Where to unpack what turns out to be compressed. */
  unpackTo: string
  /** Of the process that unpacks. */
  env: NodeJS.ProcessEnv
}

/** Takes the bytes of a download in their order: hashes them, keeps them in case it ends early, and unpacks them. */
export class Intake implements AsyncDisposable {
  readonly partial: Partial
  readonly #options: IntakeOptions
  readonly #file: FileHandle
  #hash: Hash
  #blocks: Buffer[] = []
  #blockBytes = 0
  #offset = 0
  #decompressor: Decompressor | undefined
  /** What is being written now. */
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(options: IntakeOptions, file: FileHandle) {
    this.partial = options.partial
    this.#options = options
    this.#file = file
    this.#hash = createHash(options.algorithm)
  }

  /** Goes on after what is there already. */
  static async open(options: IntakeOptions): Promise<Intake> {
    const { partial } = options
    const intake = new Intake(options, await open(partial.file, 'a', 0o600))
    try {
      const there = await partial.bytes()
      if (there > 0) {
        for await (const block of createReadStream(partial.file, { highWaterMark: BLOCK_BYTES, end: there - 1 })) {
          await intake.#process([block as Buffer], false)
        }
        await intake.#writing
      }
      return intake
    } catch (error) {
      await intake[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Bytes taken so far, those of earlier attempts included. */
  get offset(): number {
    return this.#offset + this.#blockBytes
  }

  /** Whether it is unpacked. */
  get compressed(): boolean {
    return this.#decompressor !== undefined
  }

  /** Resolves when the next bytes are welcome. */
  async write(chunk: Buffer): Promise<void> {
    this.#blocks.push(chunk)
    this.#blockBytes += chunk.length
    if (this.#blockBytes >= BLOCK_BYTES) await this.#pass()
  }

  /** Resolves when all of it has reached the file. */
  async flush(): Promise<void> {
    await this.#pass()
    await this.#writing
  }

  /** Forgets everything. */
  async restart(): Promise<void> {
    await this.#writing
    this.#blocks = []
    this.#blockBytes = 0
    this.#offset = 0
    this.#hash = createHash(this.#options.algorithm)
    await this.#decompressor?.[Symbol.asyncDispose]()
    this.#decompressor = undefined
    await this.#file.truncate(0)
  }

  /** The checksum of all bytes as they came. */
  async checksum(): Promise<Checksum> {
    await this.flush()
    return { algorithm: this.#options.algorithm, hex: this.#hash.copy().digest('hex') }
  }

  /**
   * Ends the unpacking, if it is unpacked.
   * @returns the SHA-256 of what has been unpacked, in hex.
   * @throws MayflyError MAYFLY_IMAGE_CORRUPT when it cannot be unpacked.
   */
  async unpacked(): Promise<string | undefined> {
    await this.flush()
    return await this.#decompressor?.finish()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => {})
    await this.#decompressor?.[Symbol.asyncDispose]()
    await this.#file.close()
  }

  async #pass(): Promise<void> {
    const blocks = this.#blocks
    this.#blocks = []
    this.#blockBytes = 0
    if (blocks.length > 0) await this.#process(blocks, true)
  }

  async #process(blocks: readonly Buffer[], keep: boolean): Promise<void> {
    if (this.#offset === 0) await this.#begin(Buffer.concat(blocks, MAGIC_BYTES))
    for (const block of blocks) {
      this.#offset += block.length
      this.#hash.update(block)
    }
    // One block is written while the next one comes and is hashed.
    await this.#writing
    const written = keep ? append(this.#file, blocks) : undefined
    this.#writing = Promise.all([written, this.#decompressor?.write(blocks)])
    this.#writing.catch(() => {})
  }

  async #begin(head: Buffer): Promise<void> {
    const compression = compressionOf(head)
    if (compression === undefined) return
    const { unpackTo, env } = this.#options
    this.#decompressor = await Decompressor.start(compression, unpackTo, env)
  }
}

/** Without putting them together first: the copies would cost as much as the hash. */
async function append(file: FileHandle, blocks: readonly Buffer[]): Promise<void> {
  let { bytesWritten } = await file.writev(blocks)
  // On a disk that is almost full the rest tells what is wrong.
  for (const block of blocks) {
    if (bytesWritten < block.length) await file.appendFile(block.subarray(bytesWritten))
    bytesWritten = Math.max(0, bytesWritten - block.length)
  }
}
