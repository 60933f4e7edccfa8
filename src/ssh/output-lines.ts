import { StringDecoder } from 'node:string_decoder'

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
    for (const line of lines) this.#take(line)
  }

  /** What came last may have no end of line. */
  end(): void {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    if (rest !== '') this.#take(rest)
  }
}
