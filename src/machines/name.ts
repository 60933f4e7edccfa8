import { MayflyError } from '../errors.js'

/** It is a directory's name, and a word of a command line. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/

/** @throws MayflyError MAYFLY_OPTION_INVALID unless it can be the name of a machine. */
export function assertMachineName(name: string): void {
  if (NAME.test(name)) return
  throw new MayflyError('MAYFLY_OPTION_INVALID', `not a name for a machine: ${JSON.stringify(name)}`, {
    hint: 'A name has up to 63 letters, digits, dots, dashes and underscores, and begins with a letter or a digit.',
  })
}

/**
 * The one of `names` that is `typed`, or that alone begins so.
 * @returns undefined if none does; several if it is not clear.
 */
export function namesMeant(typed: string, names: readonly string[]): string[] {
  if (names.includes(typed)) return [typed]
  return typed === '' ? [] : names.filter((name) => name.startsWith(typed))
}
