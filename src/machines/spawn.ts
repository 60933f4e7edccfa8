import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { MayflyError, messageOf } from '../errors.js'
import { SESSION_VARIABLE } from '../session/watchdog.js'
import { EXIT_FILE, MACHINE_VARIABLE, QEMU_LOG } from './look.js'

/**
 * Stays as QEMU's parent, so that somebody knows how it ended and no zombie remains where nobody else reaps. It ends with QEMU, and only so.
 */
const SCRIPT = `
trap : HUP INT TERM
rm -f ${EXIT_FILE}
"$@" </dev/null >${QEMU_LOG} 2>&1
echo $? >${EXIT_FILE}.new
mv ${EXIT_FILE}.new ${EXIT_FILE}
`

/**
 * Starts a QEMU that nobody ends but its guest and its user: no watchdog, no terminal, no session.
 * @returns the shell that waits for it; when that exits while we look, QEMU has ended.
 * @throws MayflyError MAYFLY_QEMU_SPAWN_FAILED when there is no shell.
 */
export async function spawnAlone(binary: string, argv: readonly string[], directory: string): Promise<ChildProcess> {
  const { [SESSION_VARIABLE]: _nobodys, ...env } = process.env
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'mayfly-machine', binary, ...argv], {
    cwd: directory,
    env: { ...env, [MACHINE_VARIABLE]: directory },
    detached: true,
    stdio: 'ignore',
  })
  if (child.pid === undefined) {
    const [error] = await once(child, 'error')
    throw new MayflyError('MAYFLY_QEMU_SPAWN_FAILED', `QEMU could not be started: ${messageOf(error)}`, {
      cause: error,
    })
  }
  child.unref()
  return child
}
