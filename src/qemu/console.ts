import type { Duplex } from 'node:stream'
import { MayflyError } from '../errors.js'

/** Enough for a boot log and a panic; the whole of it is in the log file that QEMU writes. */
const KEPT_CHARACTERS = 256 * 1024
const LONGEST_LINE = 1024
/** The whole line: it may come in pieces. */
const PANIC = /Kernel panic - not syncing[^\n]*\n/

/** A guest's serial console: what it printed, and who waits for what. */
export class Console {
  readonly #stream: Duplex
  readonly #watchers = new Set<(chunk: string) => void>()
  #text = ''
  #recent = ''
  #panic: string | undefined

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => this.#append(chunk))
    stream.on('error', () => {})
  }

  /** All that was printed, its oldest part cut off beyond 256 Ki characters. */
  text(): string {
    return this.#text.slice(-KEPT_CHARACTERS)
  }

  /** The last lines, for an error's details. */
  tail(lines = 15): string[] {
    return this.#text
      .slice(-lines * LONGEST_LINE)
      .split(/\r*\n/)
      .filter((line) => line.trim() !== '')
      .slice(-lines)
  }

  /** The kernel's own words, once it has panicked. */
  get panic(): string | undefined {
    return this.#panic
  }

  /** Types `text` on the console's keyboard. */
  send(text: string): void {
    this.#stream.write(text)
  }

  /** Calls `listener` with every piece of output until the result is called. */
  watch(listener: (chunk: string) => void): () => void {
    this.#watchers.add(listener)
    return () => this.#watchers.delete(listener)
  }

  /**
   * The first match of `pattern` in what was or will be printed.
   * @throws whatever reason `signal` aborts with.
   */
  waitFor(pattern: RegExp | string, signal: AbortSignal): Promise<string> {
    const find = () =>
      typeof pattern === 'string' ? (this.#text.includes(pattern) ? pattern : undefined) : pattern.exec(this.#text)?.[0]
    return this.#until(find, signal)
  }

  /** Rejects with MAYFLY_GUEST_PANIC as soon as the kernel panics; otherwise when `signal` aborts, with its reason. */
  async failOnPanic(signal: AbortSignal): Promise<never> {
    const panic = await this.#until(() => this.#panic, signal)
    throw new MayflyError('MAYFLY_GUEST_PANIC', `the guest's kernel panicked: ${panic}`, {
      // What it prints after that is about itself, and may still be coming.
      details: upTo(panic, this.tail(40)).map((line) => `console: ${line}`),
    })
  }

  #until<T>(find: () => T | undefined, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => {
        unwatch()
        signal.removeEventListener('abort', onAbort)
      }
      const look = () => {
        const found = find()
        if (found === undefined) return
        done()
        resolve(found)
      }
      const onAbort = () => {
        done()
        reject(signal.reason)
      }
      const unwatch = this.watch(look)
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort)
      look()
    })
  }

  #append(chunk: string): void {
    this.#text += chunk
    // A chatty guest prints thousands of pieces: the whole text is neither searched nor copied for each.
    this.#recent = this.#recent.slice(-LONGEST_LINE) + chunk
    this.#panic ??= PANIC.exec(this.#recent)?.[0].trim()
    if (this.#text.length > 2 * KEPT_CHARACTERS) this.#text = this.#text.slice(-KEPT_CHARACTERS)
    for (const watcher of [...this.#watchers]) watcher(chunk)
  }
}

function upTo(last: string, lines: readonly string[]): readonly string[] {
  const end = lines.findIndex((line) => line.includes(last)) + 1
  return lines.slice(Math.max(0, end - 15), end || undefined)
}
