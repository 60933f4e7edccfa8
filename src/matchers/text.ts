import { types } from 'node:util'
import { MayflyError } from '../errors.js'

/** Text to find, or a pattern to match. */
export type Pattern = string | RegExp

/** @throws MayflyError MAYFLY_OPTION_INVALID unless it is a string or a RegExp. */
export function describePattern(pattern: Pattern): string {
  if (typeof pattern === 'string') return JSON.stringify(pattern)
  if (types.isRegExp(pattern)) return String(pattern)
  throw new MayflyError('MAYFLY_OPTION_INVALID', `neither text nor a regular expression: ${String(pattern)}`)
}

export function contains(text: string, pattern: Pattern): boolean {
  // One with a `g` would go on from where it was.
  return typeof pattern === 'string'
    ? text.includes(pattern)
    : new RegExp(pattern, pattern.flags.replace(/[gy]/g, '')).test(text)
}

const MOST_LINES = 20

/** Text as evidence: its name and its last lines. */
export function excerpt(name: string, text: string): string[] {
  if (text.trim() === '') return [`${name} is empty`]
  const lines = text.replace(/\n$/, '').split('\n')
  const left = lines.length - MOST_LINES
  return [
    left > 0 ? `${name}, the last ${MOST_LINES} of ${lines.length} lines:` : `${name}:`,
    ...lines.slice(-MOST_LINES).map((line) => `  ${line}`),
  ]
}

/** Commands end what they print with one; who compares it does not. */
export function withoutLastNewline(text: string): string {
  return text.replace(/\n$/, '')
}
