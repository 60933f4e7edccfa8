// @ts-check
import { median } from './statistics.js'

/**
 * One line of the report. `ratio` is always value / floor; `target` says which of the two it limits.
 * @typedef {{ name: string, unit: string, value: number, floor: number | null, ratio: number | null,
 *   target: string | null, met: boolean | null }} Row
 */

/**
 * @typedef {object} Measured
 * @property {string} name
 * @property {'ms' | 's' | 'MiB'} unit
 * @property {readonly number[]} value samples
 * @property {readonly number[]} [floor] samples of what it is measured against, in the same unit
 * @property {string} [target] such as `ratio <= 1.25` or `value <= 80`
 * @property {string} [note] what the floor is, for the table
 */

/** @typedef {Row & { spread: string, note: string }} ReportedRow */

/**
 * Medians, their ratio, and whether it is enough.
 * @param {Measured} measured
 * @returns {ReportedRow}
 */
export function row({ name, unit, value, floor, target, note = '' }) {
  const middle = median(value)
  const floorMiddle = floor ? median(floor) : null
  const ratio = floorMiddle === null ? null : middle / floorMiddle
  return {
    name,
    unit,
    value: rounded(middle),
    floor: floorMiddle === null ? null : rounded(floorMiddle),
    ratio: ratio === null ? null : Math.round(ratio * 1000) / 1000,
    target: target ?? null,
    met: target === undefined ? null : holds(target, middle, ratio),
    spread: `${digits(Math.min(...value))}..${digits(Math.max(...value))} (${value.length})`,
    note,
  }
}

/**
 * @param {string} target
 * @param {number} value
 * @param {number | null} ratio
 */
function holds(target, value, ratio) {
  const [what, comparison, limit] = target.split(' ')
  const measured = what === 'ratio' ? ratio : value
  if (measured === null) throw new Error(`a target for a ratio without a floor: ${target}`)
  return comparison === '<=' ? measured <= Number(limit) : measured >= Number(limit)
}

/** @param {number} number */
function rounded(number) {
  return Number(number.toPrecision(4))
}

/** @param {number} number */
export function digits(number) {
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2)
}
