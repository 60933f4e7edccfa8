import { accessSync, constants, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { errnoOf, MayflyError, messageOf } from '../errors.js'

/**
 * The system's temporary directory, absolute: tools may run elsewhere.
 * @throws MayflyError MAYFLY_OPTION_INVALID naming TMPDIR when nothing can be made in it.
 */
export function temporaryDirectory(): string {
  const directory = resolve(tmpdir())
  try {
    if (!statSync(directory).isDirectory()) throw new Error('it is not a directory')
    accessSync(directory, constants.W_OK | constants.X_OK)
    return directory
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'it is not there' : messageOf(error)
    throw new MayflyError('MAYFLY_OPTION_INVALID', `the temporary directory cannot be used: ${directory}`, {
      details: [why],
      hint: 'Set TMPDIR to a directory that is there and can be written to, or unset it.',
      cause: error,
    })
  }
}
