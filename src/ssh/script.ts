import { randomBytes } from 'node:crypto'
import type { SshConnection } from './connection.js'
import type { ExecOptions, ExecResult } from './exec.js'
import { Execution } from './execution.js'
import { wireScript } from './remote-command.js'

/** `cwd` and `env` are the script's own business. */
export interface ScriptOptions extends Omit<ExecOptions, 'cwd' | 'env'> {
  /** What it is for, in errors. */
  name: string
}

/**
 * Runs a script of Mayfly's own in /bin/sh, whatever the login shell is. Its output begins where it begins: what the start-up
 * files of the login shell print is dropped, and what they would read of the input they do not get.
 * @throws MayflyError as `exec`; MAYFLY_SSH_FAILED if the login shell does not run it.
 */
export function runScript(
  connection: SshConnection,
  script: string,
  options: ScriptOptions & { encoding: 'buffer' },
): Promise<ExecResult<Buffer>>
export function runScript(
  connection: SshConnection,
  script: string,
  options: ScriptOptions & { encoding?: 'utf8' | undefined },
): Promise<ExecResult>
export function runScript(
  connection: SshConnection,
  script: string,
  options: ScriptOptions,
): Promise<ExecResult<string | Buffer>>
export async function runScript(
  connection: SshConnection,
  script: string,
  { name, ...options }: ScriptOptions,
): Promise<ExecResult<string | Buffer>> {
  const hex = randomBytes(16).toString('hex')
  // In two pieces, so that a shell that shows what it runs does not show it.
  const opening = `printf MAYFLY_%s ${hex}; printf MAYFLY_%s ${hex} >&2`
  const user = options.user === connection.target.username ? undefined : options.user
  const onWire = (marker?: string) => wireScript(script, { user }, marker, opening)
  const plan = {
    name,
    inWaitingShell: (marker?: string) => {
      const { line, stdinPrefix } = onWire(marker)
      return stdinPrefix ? undefined : line
    },
    onWire,
    outputMarker: `MAYFLY_${hex}`,
  }
  return await new Execution(connection, plan, options).result()
}
