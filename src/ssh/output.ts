/** How much of a streamed output the result still holds. */
export const TAIL_BYTES = 64 * 1024

/** Of the details of an error. */
const SHOWN_BYTES = 4096
/** Shorter chunks are copied together: each would cost more than what is in it. */
const SHORT_BYTES = 4096
const BLOCK_BYTES = 64 * 1024

/** The output of one stream: all of it up to a limit, or only its end. */
export class OutputBuffer {
  #chunks: Buffer[] = []
  readonly #tailOnly: boolean
  readonly #limit: number
  #bytes = 0
  #dropped = false
  /** What is free of the last chunk, which short ones are copied into. */
  #free: Buffer = Buffer.alloc(0)

  constructor(limit: number, tailOnly: boolean) {
    this.#limit = limit
    this.#tailOnly = tailOnly
  }

  /** False once more has come than the limit: then only the end is kept. */
  add(chunk: Buffer): boolean {
    if (chunk.length > 0) this.#keep(chunk)
    this.#bytes += chunk.length
    if (!this.#tailOnly && this.#bytes <= this.#limit) return true
    const kept = this.#tailOnly ? TAIL_BYTES : SHOWN_BYTES + 1
    let first = 0
    while (first < this.#chunks.length - 1 && this.#bytes - this.#chunks[first]!.length >= kept)
      this.#bytes -= this.#chunks[first++]!.length
    if (first > 0) {
      this.#chunks = this.#chunks.slice(first)
      this.#dropped = true
    }
    return this.#tailOnly
  }

  #keep(chunk: Buffer): void {
    if (chunk.length >= SHORT_BYTES) {
      this.#chunks.push(chunk)
      this.#free = this.#free.subarray(0, 0)
      return
    }
    if (chunk.length > this.#free.length) {
      const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, Math.max(chunk.length, 2 * this.#bytes)))
      this.#chunks.push(block.subarray(0, 0))
      this.#free = block
    }
    chunk.copy(this.#free)
    const last = this.#chunks.at(-1)!
    this.#chunks[this.#chunks.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + chunk.length)
    this.#free = this.#free.subarray(chunk.length)
  }

  bytes(): Buffer {
    const all = Buffer.concat(this.#chunks)
    return this.#isCut ? all.subarray(-TAIL_BYTES) : all
  }

  text(): string {
    const bytes = this.bytes()
    return this.#isCut ? decodeTail(bytes) : bytes.toString()
  }

  get #isCut(): boolean {
    return this.#dropped || (this.#tailOnly && this.#bytes > TAIL_BYTES)
  }

  /** The last lines, for the details of an error. */
  lastLines(name: string, count = 10): string[] {
    let [from, length] = [this.#chunks.length, 0]
    while (from > 0 && length <= SHOWN_BYTES) length += this.#chunks[--from]!.length
    return lastLines(name, Buffer.concat(this.#chunks.slice(from)), count)
  }
}

export function lastLines(name: string, bytes: Buffer, count = 10): string[] {
  const isCut = bytes.length > SHOWN_BYTES
  const text = (isCut ? decodeTail(bytes.subarray(-SHOWN_BYTES)) : bytes.toString()).trimEnd()
  if (text === '') return []
  const lines = text.split('\n').slice(-count)
  return lines.map((line) => `${name}: ${line}`)
}

/** UTF-8 text that was cut, perhaps in the middle of a character, which is then left out. */
function decodeTail(bytes: Buffer): string {
  let start = 0
  while (start < 3 && start < bytes.length && (bytes[start]! & 0xc0) === 0x80) start++
  return bytes.toString('utf8', start)
}
