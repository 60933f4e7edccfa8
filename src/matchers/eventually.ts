import { setTimeout as delay } from 'node:timers/promises'
import { MayflyError } from '../errors.js'
import { type Duration, toMilliseconds } from '../units.js'
import type { LookOptions } from '../vm/resources/records.js'
import type { Verdict } from './verdict.js'

export interface EventuallyOptions {
  /** How long to look for. Default `'1m'`. */
  timeout?: Duration | undefined
  /** Time between two looks. Default: 20 ms at first, twice as long after each, 1 s at most. */
  interval?: Duration | undefined
}

export interface Wait {
  verdict: Verdict
  attempts: number
  elapsedMs: number
  limitMs: number
}

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 1000
/** The last look has this long even when the time is over, so that there is something to tell. */
const LAST_LOOK_MS = 2000

/**
 * Looks until `wanted` is seen, or the time is over. One look is made at the end of it, with the evidence, which the others
 * save the guest.
 */
export async function eventually(
  look: (options: LookOptions) => Promise<Verdict>,
  wanted: boolean,
  { timeout = '1m', interval }: EventuallyOptions,
): Promise<Wait> {
  const limitMs = toMilliseconds(timeout, 'timeout')
  const fixed = interval === undefined ? undefined : toMilliseconds(interval, 'interval')
  const started = performance.now()
  const left = () => limitMs - (performance.now() - started)
  let last: Verdict | undefined
  for (let attempts = 1, pause = fixed ?? FIRST_PAUSE_MS; ; attempts++) {
    const final = left() <= 0
    const seen = await inTime(look, { evidence: final, timeout: Math.max(left(), LAST_LOOK_MS) })
    last = seen ?? last
    if (seen?.pass === wanted || final) {
      const verdict = last ?? { pass: !wanted, seen: 'could not be looked at in that time' }
      return { verdict, attempts, elapsedMs: performance.now() - started, limitMs }
    }
    await delay(Math.max(0, Math.min(pause, left())))
    pause = fixed ?? Math.min(2 * pause, LONGEST_PAUSE_MS)
  }
}

/** Undefined for a look that took longer than there was time. */
async function inTime(
  look: (options: LookOptions) => Promise<Verdict>,
  options: LookOptions,
): Promise<Verdict | undefined> {
  try {
    return await look(options)
  } catch (error) {
    if (error instanceof MayflyError && error.code === 'MAYFLY_COMMAND_TIMEOUT') return undefined
    throw error
  }
}
