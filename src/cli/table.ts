import { stripVTControlCharacters } from 'node:util'

/** Columns that line up, two spaces apart; colours have no width. */
export function table(rows: readonly (readonly string[])[]): string {
  const width = (text: string) => stripVTControlCharacters(text).length
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? ''))))
  const lines = rows.map((row) =>
    row.map((cell, column) => cell + ' '.repeat(widths[column]! - width(cell))).join('  '),
  )
  return lines.map((line) => line.trimEnd()).join('\n')
}
