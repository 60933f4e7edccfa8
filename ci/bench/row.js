// @ts-check
import { quantile } from './statistics.js'

/**
 * One line of the report. `ratio` is always value / floor; `target` says whether it limits the value, the ratio, or by how
 * much the value may exceed the floor.
 * @typedef {{ name: string, unit: string, value: number, floor: number | null, ratio: number | null,
 *   target: string | null, met: boolean | null }} Row
 */

/**
 * @typedef {object} Measured
 * @property {string} name
 * @property {'ms' | 's' | 'MiB'} unit
 * @property {readonly number[]} value samples
 * @property {readonly number[]} [floor] samples of what it is measured against, in the same unit
 * @property {string} [target] such as `ratio <= 1.25`, `value <= 80` or `excess <= 60`
 * @property {number} [share] of the samples, those of the floor too, that are at most what is reported; default 0.5, the median
 * @property {string} [note] what the floor is, for the table
 */

/** @typedef {Row & { spread: string, note: string }} ReportedRow */

/**
 * Medians or other quantiles, their ratio, and whether it is enough.
 * @param {Measured} measured
 * @returns {ReportedRow}
 */
export function row({ name, unit, value, floor, target, share = 0.5, note = '' }) {
  const measured = quantile(value, share)
  const least = floor ? quantile(floor, share) : null
  const ratio = least === null ? null : measured / least
  return {
    name,
    unit,
    value: rounded(measured),
    floor: least === null ? null : rounded(least),
    ratio: ratio === null ? null : Math.round(ratio * 1000) / 1000,
    target: target ?? null,
    met: target === undefined ? null : holds(target, measured, least),
    spread: `${digits(Math.min(...value))}..${digits(Math.max(...value))} (${value.length})`,
    note,
  }
}

/**
 * @param {string} target
 * @param {number} value
 * @param {number | null} floor
 */
function holds(target, value, floor) {
  const [what, comparison, limit] = target.split(' ')
  if (what !== 'value' && floor === null) throw new Error(`a target against a floor, without one: ${target}`)
  const limited = what === 'ratio' ? value / Number(floor) : what === 'excess' ? value - Number(floor) : value
  return comparison === '<=' ? limited <= Number(limit) : limited >= Number(limit)
}

/** @param {number} number */
function rounded(number) {
  return Number(number.toPrecision(4))
}

/** @param {number} number */
export function digits(number) {
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2)
}
