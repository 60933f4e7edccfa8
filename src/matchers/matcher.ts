import type { MatcherState } from 'vitest'
import { formatMilliseconds } from '../units.js'
import type { Timeline, TimelineEntry } from '../vm/timeline.js'
import { type EventuallyOptions, eventually, type Wait } from './eventually.js'
import { type Origin, subjectOf } from './subject.js'
import type { AnyDefinition, Verdict } from './verdict.js'

interface Outcome {
  pass: boolean
  message: () => string
  actual?: unknown
  expected?: unknown
}

type Matcher = (this: MatcherState, received: unknown, ...args: unknown[]) => Promise<Outcome>

/** `toBeRunning` and `toEventuallyBeRunning` for each definition. */
export function matchersOf(definitions: Readonly<Record<string, AnyDefinition>>): Record<string, Matcher> {
  return Object.fromEntries(
    Object.entries(definitions).flatMap(([name, definition]) => [
      [name, now(name, definition)],
      [name.replace(/^to/, 'toEventually'), waiting(name.replace(/^to/, 'toEventually'), definition)],
    ]),
  )
}

function now(name: string, definition: AnyDefinition): Matcher {
  return async function (received, ...args) {
    const subject = subjectOf(name, definition.on, received)
    const wanted = definition.wanted(...args)
    const look = () => definition.check(subject.resource, { evidence: true }, ...args)
    const verdict = await written(this, subject, name, args, look, (seen) => seen)
    return outcome(this, subject, wanted, verdict)
  }
}

function waiting(name: string, definition: AnyDefinition): Matcher {
  return async function (received, ...rest) {
    const subject = subjectOf(name, definition.on, received)
    const { args, options } = splitOptions(rest)
    const wanted = definition.wanted(...args)
    const wait = () =>
      eventually((looking) => definition.check(subject.resource, looking, ...args), !this.isNot, options)
    const { verdict, ...waited } = await written(this, subject, name, args, wait, (end) => end.verdict)
    return outcome(this, subject, wanted, verdict, waited)
  }
}

/** One entry of the timeline, also for all attempts of one `expect.poll`. */
async function written<T extends object>(
  state: MatcherState,
  { title, timeline }: Origin,
  name: string,
  args: readonly unknown[],
  look: () => Promise<T>,
  verdictOf: (seen: T) => Verdict,
): Promise<T> {
  if (!timeline) return look()
  const heading = [title, `${state.isNot ? 'not.' : ''}${name}`, ...args.map(brief)].join(' ')
  const describe = (seen: T) => {
    const { pass, seen: result, output } = verdictOf(seen)
    const attempts = 'attempts' in seen ? ` (${count(Number(seen.attempts))})` : ''
    return { result: `${result}${attempts}`, failed: pass === state.isNot, ...output }
  }
  if (!state.poll) return timeline.during('check', heading, look, describe)
  const entry = entryOfPoll(state, timeline, heading)
  const seen = await look()
  Object.assign(entry, describe(seen), { durationMs: performance.timeOrigin + performance.now() - entry.at })
  return seen
}

const polls = new WeakMap<object, TimelineEntry>()

function entryOfPoll(state: MatcherState, timeline: Timeline, title: string): TimelineEntry {
  const entry = polls.get(state.assertion) ?? timeline.add('check', title)
  polls.set(state.assertion, entry)
  return entry
}

function outcome(
  { isNot }: MatcherState,
  { title, vm }: Origin,
  wanted: string,
  { pass, seen, evidence = [], compared }: Verdict,
  waited?: Omit<Wait, 'verdict'>,
): Outcome {
  const message = () => {
    const limit = waited === undefined ? '' : ` within ${formatMilliseconds(waited.limitMs)}`
    const effort =
      waited === undefined ? '' : `after ${count(waited.attempts)} in ${formatMilliseconds(waited.elapsedMs)} `
    const sentence = `expected ${title} ${isNot ? 'not ' : ''}${wanted}${limit}, but ${effort}it ${seen}`
    return [vm === undefined ? sentence : `${vm}: ${sentence}`, ...evidence.map((line) => `  ${line}`)].join('\n')
  }
  return { pass, message, ...(isNot ? {} : compared) }
}

function splitOptions(args: readonly unknown[]): { args: unknown[]; options: EventuallyOptions } {
  const last = args.at(-1)
  return isOptions(last) ? { args: args.slice(0, -1), options: last } : { args: [...args], options: {} }
}

function isOptions(value: unknown): value is EventuallyOptions {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function count(attempts: number): string {
  return attempts === 1 ? '1 attempt' : `${attempts} attempts`
}

function brief(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`
}
