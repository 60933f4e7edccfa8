// @ts-check
import { median } from './statistics.js'
import { columns } from './table.js'

const STAGES = /** @type {const} */ ([
  'prepare',
  'spawn',
  'load, cont',
  'connect',
  'fix-up *',
  'first exec',
  'all else',
  'total',
])
const ASIDE = '* beside connect; in a pooled machine beside cont. All else of a fork is its checkpoint.'

/** @typedef {Partial<Record<typeof STAGES[number], number>>} Stages ms */

/**
 * Where the time of one machine went, from the request to the first command's result. What runs side by side counts once.
 * @param {number} ms all of it
 * @param {import('mayfly').Vm['timings']} timings
 * @param {number} execMs
 * @returns {Stages}
 */
export function stagesOf(ms, { prepare, spawn, load, connect, fixup, pooled }, execMs) {
  const known = pooled ? Math.max(load, fixup) : prepare + spawn + load + Math.max(connect, fixup)
  return {
    prepare,
    spawn,
    'load, cont': load,
    connect,
    'fix-up *': fixup,
    'first exec': execMs,
    'all else': ms - known - execMs,
    total: ms,
  }
}

/** Tables of where the time goes, one of each guest: ways to get a machine side by side, medians of their stages. */
export class Breakdowns {
  /** @type {Map<string, Map<string, readonly Stages[]>>} */
  #guests = new Map()

  /**
   * @param {string} guestName
   * @param {string} way
   * @param {readonly Stages[]} samples
   */
  add(guestName, way, samples) {
    const ways = this.#guests.get(guestName) ?? new Map()
    this.#guests.set(guestName, ways.set(way, samples))
  }

  texts() {
    return [...this.#guests].map(
      ([name, ways]) => `${name}: where the time goes, ms (medians)\n${table(ways)}\n${ASIDE}`,
    )
  }
}

/** @param {Map<string, readonly Stages[]>} ways */
function table(ways) {
  /** @param {readonly Stages[]} samples @param {typeof STAGES[number]} stage */
  const cell = (samples, stage) =>
    samples[0]?.[stage] === undefined ? '-' : median(samples.map((one) => one[stage] ?? 0)).toFixed(1)
  return columns([
    ['stage', ...ways.keys()],
    ...STAGES.map((stage) => [stage, ...[...ways.values()].map((samples) => cell(samples, stage))]),
  ])
}
