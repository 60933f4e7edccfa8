import { MayflyError } from '../errors.js'
import type { SshConnection } from './connection.js'
import { quote } from './quote.js'
import { CANNOT_SWITCH_USER } from './remote-command.js'
import { runScript } from './script.js'

/**
 * Tells a command that failed from one that was never run because `user` could not be become.
 * sudo and su use exit statuses that commands use too, so a suspicious result is checked by a second command.
 * @throws MayflyError MAYFLY_COMMAND_FAILED
 */
export async function checkUserSwitch(
  connection: SshConnection,
  user: string | undefined,
  result: { exitCode: number | null; stderr: string | Buffer },
): Promise<void> {
  if (user === undefined || user === connection.target.username || !result.exitCode) return
  const said = result.stderr.toString()
  if (!/^(sudo|su|mayfly): /m.test(said)) return
  const probe = await runScript(
    connection,
    `if command -v sudo >/dev/null; then sudo -n -u ${quote(user)} true; else su -s /bin/sh -c true ${quote(user)}; fi`,
    { name: `become ${user}` },
  )
  if (probe.exitCode === 0) return
  throw new MayflyError('MAYFLY_COMMAND_FAILED', `cannot run commands as user '${user}'`, {
    details: said.trim().split('\n'),
    hint: said.includes(CANNOT_SWITCH_USER)
      ? 'Install sudo in the guest, or log in as root.'
      : `Does the user exist, and may '${connection.target.username}' use sudo without a password?`,
  })
}
