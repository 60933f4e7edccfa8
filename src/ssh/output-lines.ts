import { StringDecoder } from 'node:string_decoder'

/** A line is no longer: a program that prints without an end shows pieces of this. */
const LONGEST_LINE = 16 * 1024

/** Whole lines of what a stream brings in pieces, without their ends. */
export class OutputLines {
  readonly #take: (line: string) => void
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''

  constructor(take: (line: string) => void) {
    this.#take = take
  }

  push(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.write(Buffer.from(chunk))).split(/\r?\n/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#takePieces(line)
    if (this.#rest.length > LONGEST_LINE) {
      this.#takePieces(this.#rest)
      this.#rest = ''
    }
  }

  /** What came last may have no end of line. */
  end(): void {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    if (rest !== '') this.#take(rest)
  }

  #takePieces(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += LONGEST_LINE) this.#take(line.slice(at, at + LONGEST_LINE))
  }
}
