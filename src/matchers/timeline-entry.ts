import type { MatcherState } from 'vitest'
import { performance } from '../node-globals.js'
import type { TimelineEntry } from '../vm/timeline.js'
import type { Origin } from './subject.js'
import type { Verdict } from './verdict.js'

/** Looks, and writes it down: one entry of the timeline, also for all attempts of one `expect.poll`. */
export async function written(
  state: MatcherState,
  { title, vm }: Origin,
  [name, ...args]: readonly [string, ...unknown[]],
  look: () => Promise<Verdict>,
): Promise<Verdict> {
  if (!vm) return look()
  const { timeline } = vm
  const heading = [title, `${state.isNot ? 'not.' : ''}${name}`, ...args.map(brief)].join(' ')
  const describe = ({ pass, seen, output }: Verdict) => {
    // Without `.not` it is not false, but missing.
    return { result: seen, failed: pass !== !state.isNot, ...output }
  }
  if (!state.poll) return timeline.during('check', heading, look, describe)
  const entry = polls.get(state.assertion) ?? timeline.add('check', heading)
  polls.set(state.assertion, entry)
  const verdict = await look()
  Object.assign(entry, describe(verdict), { durationMs: performance.timeOrigin + performance.now() - entry.at })
  return verdict
}

const polls = new WeakMap<object, TimelineEntry>()

function brief(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`
}
