const NEWLINE = 10
/** Pieces of a few bytes cost more than what is in them. */
const MOST_PIECES = 256

export interface LineReaderOptions {
  /** Bytes, without the line feed. */
  longestLine: number
  /** Gets each line that has something in it. */
  onLine: (line: string) => void
  /** Called once for each line that is longer, as soon as it is. The rest of such a line is skipped. */
  onTooLong: () => void
}

/** Splits what a stream brings into lines, and holds never more than one line's length of it. */
export class LineReader {
  readonly #options: LineReaderOptions
  readonly #pieces: Buffer[] = []
  #held = 0
  #skipping = false

  constructor(options: LineReaderOptions) {
    this.#options = options
  }

  add(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      if (this.#held > 0 || end - start > this.#options.longestLine) {
        this.#hold(chunk.subarray(start, end))
        this.#endLine()
      } else if (end > start) this.#options.onLine(chunk.toString('utf8', start, end))
      start = end + 1
      while (chunk[start] === NEWLINE) start++
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start))
  }

  #hold(piece: Buffer): void {
    if (this.#skipping) return
    this.#held += piece.length
    if (this.#held > this.#options.longestLine) {
      this.#skipping = true
      this.#pieces.length = 0
      this.#options.onTooLong()
    } else if (piece.length > 0) this.#pieces.push(piece)
    if (this.#pieces.length > MOST_PIECES) this.#pieces.splice(0, this.#pieces.length, Buffer.concat(this.#pieces))
  }

  #endLine(): void {
    const line = Buffer.concat(this.#pieces).toString()
    const skipped = this.#skipping
    this.#pieces.length = 0
    this.#held = 0
    this.#skipping = false
    if (!skipped) this.#options.onLine(line)
  }
}
