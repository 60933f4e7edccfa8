import { AsyncLocalStorage } from 'node:async_hooks'
import { stripVTControlCharacters } from 'node:util'
import { messageOf } from '../errors.js'
import { performance } from '../node-globals.js'
import { CallSite } from './call-site.js'

/** What happened to one machine, in order, for whoever has to explain a test: see docs/evidence.md. */
export type TimelineKind =
  | 'command'
  | 'wait'
  | 'check'
  | 'transfer'
  | 'power'
  | 'checkpoint'
  | 'screen'
  | 'console'
  | 'note'

export interface TimelineEntry {
  kind: TimelineKind
  /** When it began: milliseconds since the epoch, with a fraction. */
  at: number
  /** Undefined while it goes on, and for what has no duration. */
  durationMs?: number
  /** The command, what was awaited, the console's text, ... */
  title: string
  /** What it came to, in a few words: `exit code 0`, `12 attempts`. */
  result?: string
  /** It was rejected, or what it asserts did not hold. A command that exits with another code than 0 has not failed by that. */
  failed?: boolean
  /** The ends of a command's output. */
  stdout?: string
  stderr?: string
  /** A file that belongs to it, such as a screenshot. */
  file?: string
}

type Outcome = Pick<TimelineEntry, 'result' | 'failed' | 'stdout' | 'stderr' | 'file'>

/** A chatty test must not fill the memory of its worker: the oldest entries go first. */
const MOST_ENTRIES = 5_000
/** Of all entries together. */
const MOST_CHARACTERS = 8 * 1024 * 1024
const MOST_FALSE_PANICS = 100
const KEPT_OUTPUT = 16 * 1024
const CUT = '[...]'
/** Pieces of console output that come within this time are one entry. */
const CONSOLE_GAP_MS = 100

const quiet = new AsyncLocalStorage<true>()

/** What `work` does is no step of the test: no timeline shows it. */
export function quietly<T>(work: () => T): T {
  return quiet.run(true, work)
}

export class Timeline {
  readonly #entries: TimelineEntry[] = []
  /** What looked like a kernel's panic on the console, as it stands there. */
  readonly #falsePanics = new Set<string>()
  /** Of entries that have ended, and so do not grow: when it is too much, all are counted. */
  #characters = 0

  /** Oldest first. */
  get entries(): readonly TimelineEntry[] {
    return this.#entries
  }

  add(kind: TimelineKind, title: string, outcome: Outcome = {}): TimelineEntry {
    const entry = { kind, at: now(), title: kind === 'console' ? lastOf(title) : firstOf(title), ...outcome }
    if (quiet.getStore()) return entry
    this.#entries.push(entry)
    if (this.#entries.length > MOST_ENTRIES) this.#entries.shift()
    this.#grow(sizeOf(entry))
    return entry
  }

  /** The console showed `words`, but the kernel goes on. */
  addFalsePanic(words: string): void {
    this.add('note', `the console shows ${JSON.stringify(words)}, but the kernel goes on`)
    if (this.#falsePanics.size < MOST_FALSE_PANICS) this.#falsePanics.add(stripVTControlCharacters(words).trim())
  }

  /** Whether a line of the console, without its control characters, shows a panic that was none. */
  isFalsePanic(line: string): boolean {
    return [...this.#falsePanics].some((words) => line.endsWith(words))
  }

  #grow(characters: number): void {
    this.#characters += characters
    if (this.#characters <= MOST_CHARACTERS) return
    this.#characters = this.#entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
    let gone = 0
    while (this.#characters > MOST_CHARACTERS / 2) this.#characters -= sizeOf(this.#entries[gone++]!)
    this.#entries.splice(0, gone)
  }

  /** An entry that lasts as long as `work`, and tells what it came to by `describe`. */
  async during<T>(
    kind: TimelineKind,
    title: string,
    work: (entry: TimelineEntry) => Promise<T>,
    describe: (result: T) => Outcome = () => ({}),
  ): Promise<T> {
    const entry = this.add(kind, title)
    const site = new CallSite(this.during)
    try {
      const result = await work(entry)
      const outcome = describe(result)
      Object.assign(entry, outcome)
      this.#grow(sizeOf({ title: '', ...outcome }))
      return result
    } catch (error) {
      Object.assign(entry, { failed: true, result: messageOf(error) })
      site.addTo(error)
      throw error
    } finally {
      entry.durationMs = now() - entry.at
    }
  }

  console(text: string): void {
    const last = this.#entries.at(-1)
    const ended = last && last.at + (last.durationMs ?? 0)
    if (last?.kind === 'console' && now() - ended! < CONSOLE_GAP_MS) {
      last.title = lastOf(last.title + text)
      last.durationMs = now() - last.at
      this.#grow(text.length)
    } else this.add('console', text)
  }
}

function firstOf(title: string): string {
  return title.length <= KEPT_OUTPUT + CUT.length ? title : `${title.slice(0, KEPT_OUTPUT)}${CUT}`
}

function sizeOf({ title, result = '', stdout = '', stderr = '' }: Partial<TimelineEntry>): number {
  return 100 + (title?.length ?? 0) + result.length + stdout.length + stderr.length
}

/** The end of a command's output, as an entry keeps it. */
export function lastOf(output: string): string {
  return output.length <= KEPT_OUTPUT + CUT.length ? output : `${CUT}${output.slice(-KEPT_OUTPUT)}`
}

function now(): number {
  return performance.timeOrigin + performance.now()
}
