import { randomBytes } from 'node:crypto'
import { MIB } from '../units.js'

/** What start-up files may print before the frame begins. */
const MOST_BEFORE = MIB
const LONGEST_LINE = 256

/** Takes what a frame holds, in its order. */
export interface FrameSink {
  /** The words of the line that begins the frame. */
  begin(words: readonly string[]): Promise<void> | void
  contents(chunk: Buffer): Promise<void> | void
}

/**
 * The contents that a script prints, between a line that begins them and a line that ends them. Both start with a mark
 * that is random, so neither what a shell's start-up files print nor the contents themselves are taken for one of them.
 */
export class FramedStream {
  readonly #mark = `MAYFLY_${randomBytes(16).toString('hex')}`
  readonly #sink: FrameSink
  readonly #beginning = Buffer.from(`${this.#mark}+`)
  readonly #ending = Buffer.from(`${this.#mark}-`)
  #phase: 'before' | 'first line' | 'contents' | 'last line' | 'after' = 'before'
  #held: Buffer = Buffer.alloc(0)
  #before = 0
  #end: readonly string[] | undefined

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Sets `k` to the mark. It is in two pieces: the script may be a part of what it prints, as in /proc/self/cmdline. */
  get script(): string {
    return `k=${this.#mark.slice(0, 20)}; k="$k"${this.#mark.slice(20)}`
  }

  /** The words of the line that ended the frame, if it has come. */
  get end(): readonly string[] | undefined {
    return this.#end
  }

  get began(): boolean {
    return this.#phase !== 'before' && this.#phase !== 'first line'
  }

  async write(chunk: Buffer): Promise<void> {
    let data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk
    this.#held = Buffer.alloc(0)
    while (data.length > 0 && this.#phase !== 'after') {
      const rest = await this.#take(data)
      if (rest === undefined) return
      data = rest
    }
  }

  /** Takes what it can of `data` and gives what is left; undefined if more must come first. */
  async #take(data: Buffer): Promise<Buffer | undefined> {
    if (this.#phase === 'first line' || this.#phase === 'last line') return await this.#takeLine(data)
    const mark = this.#phase === 'before' ? this.#beginning : this.#ending
    const at = data.indexOf(mark)
    // The end of what has come may be the beginning of a mark.
    const upTo = at < 0 ? Math.max(0, data.length - mark.length + 1) : at
    if (this.#phase === 'before') {
      this.#before += upTo
      if (this.#before > MOST_BEFORE) throw new Error(`the guest's shell printed more than ${MOST_BEFORE} bytes first`)
    } else if (upTo > 0) await this.#sink.contents(data.subarray(0, upTo))
    if (at < 0) {
      this.#held = Buffer.from(data.subarray(upTo))
      return undefined
    }
    this.#phase = this.#phase === 'before' ? 'first line' : 'last line'
    return data.subarray(at + mark.length)
  }

  async #takeLine(data: Buffer): Promise<Buffer | undefined> {
    const lineEnd = data.indexOf('\n')
    if (lineEnd > LONGEST_LINE || (lineEnd < 0 && data.length > LONGEST_LINE)) throw new Error('the frame is damaged')
    if (lineEnd < 0) {
      this.#held = Buffer.from(data)
      return undefined
    }
    const words = data.toString('latin1', 0, lineEnd).trim().split(/\s+/)
    if (this.#phase === 'first line') {
      this.#phase = 'contents'
      await this.#sink.begin(words)
    } else {
      this.#phase = 'after'
      this.#end = words
    }
    return data.subarray(lineEnd + 1)
  }
}
