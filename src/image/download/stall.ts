import { AbortController, AbortSignal, clearTimeout, setTimeout } from '../../node-globals.js'

/** Ends a request during which nothing comes. undici's own time limits use the global timers, which tests replace. */
export class Stall implements Disposable {
  /** Of the request. */
  readonly signal: AbortSignal
  readonly #late = new AbortController()
  readonly #ms: number
  readonly #reason: () => Error
  #timer: NodeJS.Timeout | undefined

  /** @param reason what the request then fails with. */
  constructor(ms: number, reason: () => Error, signal: AbortSignal | undefined) {
    this.#ms = ms
    this.#reason = reason
    this.signal = AbortSignal.any([this.#late.signal, ...(signal ? [signal] : [])])
  }

  /** Something is waited for from now on. */
  start(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#late.abort(this.#reason()), this.#ms)
  }

  /** It has come. */
  stop(): void {
    clearTimeout(this.#timer)
  }

  [Symbol.dispose](): void {
    this.stop()
  }
}
