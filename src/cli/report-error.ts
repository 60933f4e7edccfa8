import { isError, MayflyError, type MayflyErrorCode, messageOf } from '../errors.js'
import { shown } from '../shown-text.js'
import { EXIT } from './exit.js'
import { style } from './style.js'

/** What is wrong with these is what was typed. */
const USAGE: readonly MayflyErrorCode[] = [
  'MAYFLY_OPTION_INVALID',
  'MAYFLY_GUEST_INVALID',
  'MAYFLY_IMAGE_NOT_FOUND',
  'MAYFLY_VMFILE_INVALID',
]

export function statusOf(error: unknown): number {
  if (!(error instanceof MayflyError)) return EXIT.harness
  if (error.code === 'MAYFLY_COMMAND_TIMEOUT') return EXIT.timeout
  return USAGE.includes(error.code) ? EXIT.usage : EXIT.harness
}

/** Message, details and hint on stderr, after what it is about; where it was thrown only for those who debug Mayfly. */
export function printError(error: unknown, stderr: NodeJS.WriteStream = process.stderr, about?: string): void {
  const text =
    error instanceof MayflyError
      ? error.message
      : `${shown(messageOf(error))}\n  Hint: DEBUG=mayfly:* prints where this came from.`
  stderr.write(`${style('red', 'mayfly:', stderr)} ${about === undefined ? '' : `${shown(about)}: `}${text}\n`)
  if (!isDebugging()) return
  for (let at: unknown = error; isError(at); at = at.cause)
    stderr.write(`${at === error ? '' : 'caused by: '}${shown(at.stack ?? at.message)}\n`)
}

function isDebugging(): boolean {
  return (process.env.DEBUG ?? '').split(/[\s,]+/).some((name) => name === '*' || name.startsWith('mayfly'))
}
