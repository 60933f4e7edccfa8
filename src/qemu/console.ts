import type { Duplex } from 'node:stream'
import { MayflyError } from '../errors.js'
import { ConsoleSearch } from './console-search.js'

/** Enough for a boot log and a panic; the whole of it is in the log file that QEMU writes. */
const KEPT_CHARACTERS = 256 * 1024
const LONGEST_LINE = 1024
const PANIC = 'Kernel panic - not syncing'
/** What a kernel says that is told to restart, before it does. */
const RESTARTING = 'reboot: Restarting system'

export interface ConsoleOptions {
  /** Whether the kernel has stopped, when a line says that it has panicked. Default: it has. */
  confirmPanic?: (() => Promise<boolean>) | undefined
}

/** A guest's serial console: what it printed, and who waits for what. */
export class Console {
  readonly #stream: Duplex
  readonly #confirmPanic: () => Promise<boolean>
  readonly #watchers = new Set<(chunk: string) => void>()
  readonly #panicListeners = new Set<(words: string, confirmed: boolean) => void>()
  #text = ''
  #recent = ''
  #panic: string | undefined
  #panicLines: readonly string[] = []
  /** What looks like a panic, while it is not known whether it is one: the first is being looked into. */
  readonly #suspicions: string[] = []

  constructor(stream: Duplex, { confirmPanic = async () => true }: ConsoleOptions = {}) {
    this.#stream = stream
    this.#confirmPanic = confirmPanic
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
      .map((line) => line.slice(-LONGEST_LINE))
  }

  /** The kernel's own words, once it is known to have panicked. */
  get panic(): string | undefined {
    return this.#panic
  }

  /** Once the kernel is known to have panicked, the error that says so. */
  get panicError(): MayflyError | undefined {
    if (this.#panic === undefined) return undefined
    return new MayflyError('MAYFLY_GUEST_PANIC', `the guest's kernel panicked: ${this.#panic}`, {
      details: this.#panicLines.map((line) => `console: ${line}`),
    })
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

  /** Calls `listener` for each line that says that the kernel has panicked, when it is known whether that is true. */
  onPanic(listener: (words: string, confirmed: boolean) => void): () => void {
    this.#panicListeners.add(listener)
    return () => this.#panicListeners.delete(listener)
  }

  /**
   * The first match of `pattern` in what was or will be printed.
   * @throws whatever reason `signal` aborts with; MayflyError MAYFLY_OPTION_INVALID for a pattern that takes too long.
   */
  waitFor(pattern: RegExp | string, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      const search = new ConsoleSearch(pattern, () => this.text())
      const done = () => {
        search.end()
        unwatch()
        signal.removeEventListener('abort', onAbort)
      }
      const look = (length: number) => {
        try {
          const found = search.look(length, () => look(0))
          if (found === undefined) return
          done()
          resolve(found)
        } catch (error) {
          done()
          reject(error)
        }
      }
      const onAbort = () => {
        done()
        reject(signal.reason)
      }
      const unwatch = this.watch((chunk) => look(chunk.length))
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort)
      look(0)
    })
  }

  /** Rejects with MAYFLY_GUEST_PANIC as soon as the kernel is known to have panicked; otherwise when `signal` aborts, with its reason. */
  failOnPanic(signal: AbortSignal): Promise<never> {
    return new Promise((_resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      if (this.panicError) return reject(this.panicError)
      const done = () => {
        forget()
        signal.removeEventListener('abort', onAbort)
      }
      const onAbort = () => {
        done()
        reject(signal.reason)
      }
      const forget = this.onPanic(() => {
        if (!this.panicError) return
        done()
        reject(this.panicError)
      })
      signal.addEventListener('abort', onAbort)
    })
  }

  #append(chunk: string): void {
    this.#text += chunk
    if (this.#text.length > 2 * KEPT_CHARACTERS) this.#text = this.#text.slice(-KEPT_CHARACTERS)
    this.#lookForPanic(chunk)
    for (const watcher of [...this.#watchers]) watcher(chunk)
  }

  /** A chatty guest prints thousands of pieces: the whole text is neither searched nor copied for each. */
  #lookForPanic(chunk: string): void {
    if (this.#panic !== undefined) return
    const recent = this.#recent + chunk
    // The whole line: it may come in pieces.
    const end = recent.lastIndexOf('\n')
    this.#recent = recent.slice(Math.max(0, end, recent.length - LONGEST_LINE))
    if (end < 0) return
    const first = recent.indexOf(PANIC)
    if (first < 0 || first > end) return
    const last = recent.lastIndexOf(PANIC, end)
    if (this.#suspicions.length === 0) this.#suspect(recent, first)
    // Of those that come meanwhile only the last says something new.
    if (this.#suspicions.length > 1 || last > first) {
      this.#suspicions.length = 1
      this.#suspect(recent, last)
    }
  }

  #suspect(text: string, start: number): void {
    const line = text.slice(start, start + LONGEST_LINE)
    this.#suspicions.push(line.split('\n', 1)[0]!.trim())
    if (this.#suspicions.length === 1) void this.#confirm()
  }

  async #confirm(): Promise<void> {
    for (let words = this.#suspicions[0]; words !== undefined; words = this.#suspicions[0]) {
      // What it prints after that is about itself.
      const lines = upTo(words, this.tail(40))
      const stopped = await this.#confirmPanic()
      const since = this.#text.slice(this.#text.lastIndexOf(words))
      const panicked = stopped && !since.includes(RESTARTING)
      if (panicked) [this.#panic, this.#panicLines, this.#suspicions.length] = [words, lines, 0]
      else this.#suspicions.shift()
      for (const listener of [...this.#panicListeners]) listener(words, panicked)
    }
  }
}

function upTo(last: string, lines: readonly string[]): readonly string[] {
  const end = lines.findLastIndex((line) => line.includes(last)) + 1
  return lines.slice(Math.max(0, end - 15), end || undefined)
}
