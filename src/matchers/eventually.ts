import { GuestAssertionError, MayflyError } from '../errors.js'
import { type Duration, toMilliseconds } from '../units.js'
import type { LookOptions } from '../vm/resources/records.js'
import { type LookOptions as Looking, SLOW_PAUSE_MS, until } from '../vm/waits/until.js'
import type { Origin } from './subject.js'
import type { Verdict } from './verdict.js'

export interface EventuallyOptions {
  /** How long to look for. Default `'1m'`; within a test never more than the test has. */
  timeout?: Duration | undefined
  /** Most time between two looks; it begins with 20 ms. Default `'1s'`. */
  interval?: Duration | undefined
}

interface Expectation {
  /** Of the matcher. */
  name: string
  /** `to be running` */
  wanted: string
  /** What the verdict has to be. */
  pass: boolean
  look: (options: LookOptions) => Promise<Verdict>
}

/**
 * Looks until the verdict is as expected, or the time is over. The evidence is looked for at the end, which saves the guest
 * from it until then.
 * @returns the verdict that counts.
 * @throws MayflyError when the machine ends meanwhile, or nobody could look.
 */
export async function eventually(
  { title, vm, kind }: Origin,
  { name, wanted, pass, look }: Expectation,
  { timeout, interval = SLOW_PAUSE_MS }: EventuallyOptions,
): Promise<Verdict> {
  if (!vm) {
    throw new MayflyError(
      'MAYFLY_OPTION_INVALID',
      `${name} is for commands that can run again; got the result of one`,
      {
        hint: `await expect(vm.command(...)).${name}(...)`,
      },
    )
  }
  let last: Verdict | undefined
  const awaited = {
    title: `${title} ${wanted}`,
    longestPauseMs: toMilliseconds(interval, 'interval'),
    look: async ({ signal }: Looking) => {
      const verdict = await look({ signal })
      // One that comes when nobody waits any more does not count.
      if (!signal.aborted) last = verdict
      return verdict.pass === pass ? { met: verdict } : { seen: [verdict.seen] }
    },
    unfinished: () => ['a look did not end in time'],
    explain: async ({ signal }: Looking) => {
      if (kind === 'command') return last?.evidence ?? []
      const after = await look({ signal, evidence: true })
      return after.pass === pass ? ['just after that, it was as expected'] : (after.evidence ?? [])
    },
  }
  try {
    return await until<Verdict>(vm, awaited, { timeout })
  } catch (error) {
    if (!(error instanceof GuestAssertionError) || error.code !== 'MAYFLY_WAIT_TIMEOUT') throw error
    const { details, hint } = error
    const evidence = [...details.filter((line) => line !== last?.seen), ...(hint ? [`Hint: ${hint}`] : [])]
    return { ...(last ?? { pass: !pass, seen: 'could not be seen' }), evidence }
  }
}

/** A matcher's own arguments, and the options behind them. */
export function splitOptions(args: readonly unknown[]): [unknown[], EventuallyOptions] {
  const last = args.at(-1)
  const isOptions = typeof last === 'object' && last !== null && Object.getPrototypeOf(last) === Object.prototype
  return isOptions ? [args.slice(0, -1), last] : [[...args], {}]
}
