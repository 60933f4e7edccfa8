import type { LookOptions } from '../vm/resources/records.js'
import type { Kind, Subjects } from './subject.js'

/** What one look at a resource came to. */
export interface Verdict {
  pass: boolean
  /** The end of a sentence that starts with the resource: `is inactive (dead)`. */
  seen: string
  evidence?: readonly string[]
  /** For a diff, where values are compared. */
  compared?: { actual: unknown; expected: unknown }
  /** Of a command, for the timeline. */
  output?: { stdout: string; stderr: string }
}

/** One matcher, as far as it is its own: what it is for, what it wants, and how it looks. */
export interface Definition<K extends Kind, Args extends unknown[]> {
  on: readonly K[]
  /** The end of a sentence: `to be running`. */
  wanted: (...args: Args) => string
  check: (resource: Subjects[K], options: LookOptions, ...args: Args) => Promise<Verdict>
}

/** For the types alone: ties the arguments of a definition together. */
export function define<K extends Kind, Args extends unknown[]>(definition: Definition<K, Args>): Definition<K, Args> {
  return definition
}

// biome-ignore lint/suspicious/noExplicitAny: a definition takes what its own matcher was given
export type AnyDefinition = Definition<any, any>
