import { MayflyError } from '../errors.js'

/**
 * One word for a POSIX shell that reads back as exactly `word`.
 * @throws MayflyError MAYFLY_OPTION_INVALID if it holds a NUL, which no argument can.
 */
export function quote(word: string): string {
  if (word.includes('\0')) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `an argument cannot hold a NUL byte: ${JSON.stringify(word)}`)
  }
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** A command line that runs `words` as an argument vector. */
export function quoteArgv(words: readonly string[]): string {
  if (words.length === 0) throw new MayflyError('MAYFLY_OPTION_INVALID', 'the command is an empty list')
  return words.map(quote).join(' ')
}
