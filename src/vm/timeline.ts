import { AsyncLocalStorage } from 'node:async_hooks'
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
const KEPT_OUTPUT = 16 * 1024
/** Pieces of console output that come within this time are one entry. */
const CONSOLE_GAP_MS = 100

const quiet = new AsyncLocalStorage<true>()

/** What `work` does is no step of the test: no timeline shows it. */
export function quietly<T>(work: () => T): T {
  return quiet.run(true, work)
}

export class Timeline {
  readonly #entries: TimelineEntry[] = []

  /** Oldest first. */
  get entries(): readonly TimelineEntry[] {
    return this.#entries
  }

  add(kind: TimelineKind, title: string, outcome: Outcome = {}): TimelineEntry {
    const entry = { kind, at: now(), title, ...outcome }
    if (quiet.getStore()) return entry
    this.#entries.push(entry)
    if (this.#entries.length > MOST_ENTRIES) this.#entries.shift()
    return entry
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
      Object.assign(entry, describe(result))
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
    } else this.add('console', text)
  }
}

/** The end of a command's output, as an entry keeps it. */
export function lastOf(output: string): string {
  return output.length <= KEPT_OUTPUT ? output : `[...]${output.slice(-KEPT_OUTPUT)}`
}

function now(): number {
  return performance.timeOrigin + performance.now()
}
