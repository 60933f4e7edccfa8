import { type Bounds, within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import { performance } from '../node-globals.js'
import { formatMilliseconds } from '../units.js'

/** The time of whoever uses machines, such as a test's. */
export interface TimeLimit {
  /** On the clock of `performance.now()`. */
  startedAt: number
  totalMs: number
}

/** What is kept of a test's time for telling why it fails. */
const MARGIN = 0.1
const LONGEST_MARGIN_MS = 2000
/** An emulated guest that is busy takes seconds to say what it was doing. */
const LONGEST_GRACE_MS = 8000

/** The time that one operation has: what it was given, or, if that is less, what is left to the test a little before its end. */
export class Allowance {
  /** Milliseconds, from now on; infinite if nothing limits it. */
  readonly limitMs: number
  /** How much later it may settle, for killing what it started and for evidence. */
  readonly graceMs: number
  readonly #startedAt = performance.now()
  readonly #test: TimeLimit | undefined

  constructor(wantedMs = Number.POSITIVE_INFINITY, test?: TimeLimit) {
    const margin = test ? Math.min(MARGIN * test.totalMs, LONGEST_MARGIN_MS) : 0
    const left = test ? test.startedAt + test.totalMs - this.#startedAt : Number.POSITIVE_INFINITY
    // What begins within the margin still has a chance.
    const ofTest = test ? Math.max(left - margin, left / 2, 1) : Number.POSITIVE_INFINITY
    this.#test = ofTest < wantedMs ? test : undefined
    this.limitMs = Math.min(wantedMs, ofTest)
    const rest = test ? left - this.limitMs : Number.POSITIVE_INFINITY
    this.graceMs = Math.min(Math.max(rest - margin / 2, rest / 2), LONGEST_GRACE_MS)
  }

  /** What an operation's own option must become, if the test's time is what limits it. */
  get timeout(): { timeout?: number } {
    return this.#test ? { timeout: this.leftMs } : {}
  }

  /** What is left to an operation that begins now: what it was given, unless waiting for the connection took some of it. */
  get rest(): { timeout?: number } {
    const waited = this.elapsedMs > 50 && this.limitMs !== Number.POSITIVE_INFINITY
    return waited ? { timeout: this.leftMs } : this.timeout
  }

  /** For what comes before a command begins: the connection, or a boot that it waits for. */
  bounds(text: string, signal?: AbortSignal): Bounds {
    const details = [`command: ${text}`, 'it was not started: there was no connection to the guest']
    return {
      leftMs: this.leftMs,
      signal,
      late: () => {
        const message = `the command did not end within ${formatMilliseconds(this.limitMs)}`
        return new MayflyError('MAYFLY_COMMAND_TIMEOUT', message, {
          details: [...this.reason, ...details],
          hint: this.hint,
        })
      },
      aborted: () => {
        const message = `the command was aborted after ${formatMilliseconds(this.elapsedMs)}`
        return new MayflyError('MAYFLY_ABORTED', message, { details, cause: signal?.reason })
      },
    }
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** At least one, for a timer of zero would be none. */
  get leftMs(): number {
    return Math.max(1, this.limitMs - this.elapsedMs)
  }

  /** For an error's details, if the test's time was the reason. */
  get reason(): string[] {
    return this.#test
      ? [`it was given up because the test, which has ${formatMilliseconds(this.#test.totalMs)} in all, is nearly over`]
      : []
  }

  get hint(): string | undefined {
    return this.#test && 'Give the test more time, or this less: both have a `timeout`.'
  }

  /**
   * Waits for what `work` asks of QEMU or of a boot, no longer than the time. What it began goes on.
   * @throws MayflyError MAYFLY_WAIT_TIMEOUT
   */
  async bound<T>(title: string, work: () => Promise<T>): Promise<T> {
    if (this.limitMs === Number.POSITIVE_INFINITY) return await work()
    return await within(work(), this.limitMs, () => {
      const message = `${title} did not end within ${formatMilliseconds(this.limitMs)}`
      return new MayflyError('MAYFLY_WAIT_TIMEOUT', message, { details: this.reason, hint: this.hint })
    })
  }

  /** Runs a command, named `text`, that ends by itself when the time is over; if it does not, it is not waited for, and what limited it is told. */
  async hold<T>(text: string, run: () => Promise<T>): Promise<T> {
    if (!this.#test) return await run()
    try {
      return await within(run(), this.limitMs + this.graceMs, () => this.#late(text))
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_COMMAND_TIMEOUT') throw error
      const { code, shortMessage, details, hint = this.hint, cause } = error
      throw new MayflyError(code, shortMessage, { details: [...this.reason, ...details], hint, cause })
    }
  }

  #late(text: string): MayflyError {
    const message = `the command did not end within ${formatMilliseconds(this.limitMs)}, and could not be killed`
    return new MayflyError('MAYFLY_COMMAND_TIMEOUT', message, { details: [`command: ${text}`] })
  }
}
