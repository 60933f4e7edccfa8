import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'

const BLOCK_BYTES = 1024 * 1024

/** SHA-256 of a file that another process writes from its beginning to its end: it is read right behind the writer, while it is in memory. */
export class GrowingDigest implements AsyncDisposable {
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  readonly #buffer = Buffer.allocUnsafe(BLOCK_BYTES)
  #position = 0
  #reading: Promise<void> | undefined

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async open(path: string): Promise<GrowingDigest> {
    return new GrowingDigest(await open(path))
  }

  /** Goes on to where the file ends now, in the background. */
  advance(): void {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    this.#reading.catch(() => {})
  }

  /** The digest in hex, once the writer has ended. */
  async finish(): Promise<string> {
    // One that is under way may have seen the end before the last bytes came.
    await this.#reading
    await this.#read()
    return this.#hash.digest('hex')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reading?.catch(() => {})
    await this.#file.close()
  }

  async #read(): Promise<void> {
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, BLOCK_BYTES, this.#position)
      if (bytesRead === 0) return
      this.#position += bytesRead
      this.#hash.update(this.#buffer.subarray(0, bytesRead))
    }
  }
}
