/** How much of a streamed output the result still holds. */
export const TAIL_BYTES = 64 * 1024

/** The output of one stream: all of it up to a limit, or only its end. */
export class OutputBuffer {
  readonly #chunks: Buffer[] = []
  readonly #tailOnly: boolean
  readonly #limit: number
  #bytes = 0
  #dropped = false

  constructor(limit: number, tailOnly: boolean) {
    this.#limit = limit
    this.#tailOnly = tailOnly
  }

  /** False once more has come than the limit. */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (!this.#tailOnly) return this.#bytes <= this.#limit
    while (this.#bytes - this.#chunks[0]!.length >= TAIL_BYTES) {
      this.#bytes -= this.#chunks.shift()!.length
      this.#dropped = true
    }
    return true
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
    return lastLines(name, this.bytes(), count)
  }
}

const SHOWN_BYTES = 4096

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
