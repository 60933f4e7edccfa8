import { homedir } from 'node:os'
import { MayflyError } from '../errors.js'

/**
 * The user's home directory.
 * @param instead the variable by which it is not needed.
 * @throws MayflyError MAYFLY_OPTION_INVALID for a user who has none: HOME is not set, and there is no entry in /etc/passwd.
 */
export function homeDirectory(instead?: string): string {
  try {
    return homedir()
  } catch (error) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `user ${process.getuid?.()} has no home directory`, {
      details: ['HOME is not set, and the user has no entry in /etc/passwd'],
      hint: `Set HOME${instead === undefined ? '' : ` or ${instead}`}, or add the user to /etc/passwd.`,
      cause: error,
    })
  }
}
