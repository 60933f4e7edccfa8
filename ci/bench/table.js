// @ts-check
import { digits } from './row.js'

/**
 * The report for people.
 * @param {readonly import('./row.js').ReportedRow[]} rows
 */
export function reportTable(rows) {
  const lines = rows.map((row) => [
    row.name,
    `${digits(row.value)} ${row.unit}`,
    row.spread,
    row.floor === null ? '-' : `${digits(row.floor)} ${row.unit}`,
    row.ratio === null ? '-' : row.ratio.toFixed(2),
    row.target ?? '-',
    row.met === null ? '-' : row.met ? 'yes' : 'NO',
    row.note,
  ])
  return columns([['row', 'value', 'min..max (n)', 'floor', 'ratio', 'target', 'met', 'floor is'], ...lines])
}

/** @param {readonly (readonly string[])[]} lines */
export function columns(lines) {
  const widths = (lines[0] ?? []).map((_, index) => Math.max(...lines.map((line) => (line[index] ?? '').length)))
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
