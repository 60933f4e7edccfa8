import { MayflyError } from '../errors.js'

/** The runtime's own frames, and those of packages. */
const FOREIGN = /node:|[\\/]node_modules[\\/]/
const RUNTIME = /^ +at .*\bnode:internal\//
const PLACE = /\(?(\S+?):\d+:\d+\)?$/

/** Where a step was called from. What fails in an event of a timer or a socket has no line of the caller in its stack. */
export class CallSite {
  readonly #here: Error

  /** @param callee what is not part of it. */
  constructor(callee: (...args: never[]) => unknown) {
    this.#here = new Error('a call')
    Error.captureStackTrace(this.#here, callee)
  }

  /** Puts the lines of the caller below those of the error, unless they are there. */
  addTo(error: unknown): void {
    if (!(error instanceof MayflyError)) return
    const frames = (this.#here.stack ?? '').split('\n').slice(1)
    const outermost = frames.findLastIndex((frame) => PLACE.test(frame) && !FOREIGN.test(frame))
    const file = PLACE.exec(frames[outermost] ?? '')?.[1]
    if (file === undefined || !error.stack || error.stack.includes(file)) return
    // Which of the runtime's turns it was thrown in depends on who was first.
    const own = error.stack.split('\n').filter((line) => !RUNTIME.test(line))
    error.stack = [...own, ...frames.slice(0, outermost + 1)].join('\n')
  }
}
