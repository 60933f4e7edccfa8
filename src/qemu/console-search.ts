import { type Context, createContext, Script } from 'node:vm'
import { MayflyError } from '../errors.js'
import { clearTimeout, performance, setTimeout } from '../node-globals.js'

/** How much may come before it is looked at, however busy the guest is. */
const MOST_UNSEEN = 64 * 1024
/** The pause after a look, in terms of what the look took. */
const PAUSE_PER_LOOK = 9
const LONGEST_PAUSE_MS = 250
/** From this length on, a pattern may take the square of the length to see that a line does not match. */
const LONG_LINE = 4096
const LONGEST_LOOK_MS = 150

/** Looks for a pattern in a text that grows, at a cost that follows the text and not the number of pieces it comes in. */
export class ConsoleSearch {
  readonly #pattern: RegExp | string
  readonly #text: () => string
  #unseen = 0
  #next = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #timed: TimedSearch | undefined

  /** @param text the end of what was printed. */
  constructor(pattern: RegExp | string, text: () => string) {
    this.#pattern = pattern
    this.#text = text
  }

  /**
   * To be called when `length` more characters have come; `later` is called when it is time to look again.
   * @returns the match, or undefined: there is none, or it is too early to look.
   * @throws MayflyError MAYFLY_OPTION_INVALID for a pattern that takes too long.
   */
  look(length: number, later: () => void): string | undefined {
    this.#unseen += length
    const wait = this.#next - performance.now()
    if (wait > 0 && this.#unseen < MOST_UNSEEN) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        later()
      }, wait)
      return undefined
    }
    const started = performance.now()
    const found = this.#find()
    const took = performance.now() - started
    this.#next = started + took + Math.min(took * PAUSE_PER_LOOK, LONGEST_PAUSE_MS)
    this.#unseen = 0
    return found
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #find(): string | undefined {
    const [pattern, text] = [this.#pattern, this.#text()]
    if (typeof pattern === 'string') return text.includes(pattern) ? pattern : undefined
    pattern.lastIndex = 0
    if (!hasLongLine(text)) return pattern.exec(text)?.[0]
    this.#timed ??= new TimedSearch(pattern)
    return this.#timed.find(text)
  }
}

function hasLongLine(text: string): boolean {
  for (let start = 0; text.length - start >= LONG_LINE; ) {
    const end = text.lastIndexOf('\n', start + LONG_LINE - 1)
    if (end < start) return true
    start = end + 1
  }
  return false
}

const searchScript = new Script('pattern.exec(text)?.[0]')

/** Only code that runs in a context of its own can be stopped. */
class TimedSearch {
  readonly #variables: { pattern: RegExp; text: string }
  readonly #context: Context

  constructor(pattern: RegExp) {
    this.#variables = { pattern, text: '' }
    this.#context = createContext(this.#variables)
  }

  find(text: string): string | undefined {
    const { pattern } = this.#variables
    this.#variables.text = text
    try {
      return searchScript.runInContext(this.#context, { timeout: LONGEST_LOOK_MS }) as string | undefined
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause
      throw new MayflyError('MAYFLY_OPTION_INVALID', `${pattern} takes too long on a line of the console`, {
        details: [`the guest has printed a line of more than ${LONG_LINE} characters`],
        hint: 'Use a pattern that does not begin with .* or nest repetitions, or a string.',
        cause,
      })
    } finally {
      this.#variables.text = ''
    }
  }
}
