import type { z } from 'zod'
import { MayflyError } from '../errors.js'
import { meantIssues } from './meant-issues.js'
import { OPTIONS, patternOf, suggestOption, suggestValue } from './options.js'
import { brief, type Fault } from './plain.js'

/** Keys of an object that its description names. */
const SHOWN_KEYS = 5

/** All that is wrong with a guest, one line each. What is wrong with a value that could not be read is said once. */
export function invalidGuest(
  given: unknown,
  issues: readonly z.core.$ZodIssue[],
  unreadable: readonly Fault[] = [],
  others: readonly Fault[] = [],
): MayflyError {
  const found = meantIssues(issues).flatMap((issue) => faultsOf(issue, given))
  const told = found.filter(
    ({ path }) => !unreadable.some((fault) => isAround(fault.path, path) || isAround(path, fault.path)),
  )
  const lines = [...unreadable, ...told, ...others].map(({ path, message }) => `${nameOf(path)}: ${message}`)
  return new MayflyError('MAYFLY_GUEST_INVALID', 'the guest is not valid', {
    details: [...new Set(lines)],
    hint: 'See the README, "Guests", for every option.',
  })
}

function faultsOf(issue: z.core.$ZodIssue, given: unknown): Fault[] {
  const { path } = issue
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `there is no such option. ${suggestOption(path, key)}`,
    }))
  }
  if (issue.code === 'custom') return [{ path, message: issue.message }]
  const pattern = patternOf(path)
  const value = path.reduce<unknown>(
    (within, key) => (within as Record<PropertyKey, unknown> | undefined)?.[key],
    given,
  )
  const expected = OPTIONS[pattern] === undefined ? issue.message : `expected ${OPTIONS[pattern]}`
  const suggestion = suggestionFor(pattern, value)
  return [{ path, message: `${expected}${received(path, value)}${suggestion === undefined ? '' : `. ${suggestion}`}` }]
}

function suggestionFor(pattern: string, value: unknown): string | undefined {
  if (pattern === 'network.mode' && (value === 'user' || value === 'none')) return `Write network: '${value}'.`
  if (pattern === 'provision.*' && typeof value === 'string') return 'Write shell(…) around a script.'
  if (pattern === 'provision' && typeof value === 'object' && value !== null) return 'Put steps into a list.'
  return typeof value === 'string' ? suggestValue(pattern, value) : undefined
}

/** Never a whole object: it may be large, and hold secrets. */
function received(path: readonly PropertyKey[], value: unknown): string {
  if (isSecret(path)) return ''
  return ` (received ${describe(value)})`
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return `"${brief(value, 60)}"`
  if (typeof value === 'function') return 'a function'
  if (value === null || typeof value !== 'object') return `${value as number | boolean | null}`
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  const keys = Object.keys(value)
  const shown = keys.slice(0, SHOWN_KEYS).map((key) => brief(key, 30))
  if (keys.length === 0) return 'an empty object'
  return `an object with ${shown.join(', ')}${keys.length > shown.length ? ', …' : ''}`
}

/** A private key that is mistaken for the public one, and passwords in user-data, do not belong into a log. */
function isSecret([first, second]: readonly PropertyKey[]): boolean {
  return (
    (first === 'ssh' && second !== undefined && second !== 'user') || (first === 'cloudInit' && second === 'userData')
  )
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'guest' : path.map((key) => brief(String(key), 60)).join('.')
}

/** Whether one path is that of the other or of something around it. */
function isAround(outer: readonly PropertyKey[], inner: readonly PropertyKey[]): boolean {
  return outer.length <= inner.length && outer.every((key, at) => key === inner[at])
}
