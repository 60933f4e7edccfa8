import { MayflyError } from '../errors.js'
import type { SshConnection } from '../ssh/connection.js'
import { exec as execOn } from '../ssh/exec.js'
import { openShell } from '../ssh/shell.js'
import { type Duration, toMilliseconds } from '../units.js'
import type { ActionContext } from './action.js'
import { environment } from './environment.js'
import { type InMachine, runInMachine } from './in-machine.js'
import { connectToTarget, targetNamed } from './target.js'

export interface SshOptions {
  name?: string
  user?: string
  key?: string
}

/** `mayfly ssh`: gives the status of the guest's command, or shell. */
export async function ssh({ cacheDir, signal }: ActionContext, options: SshOptions, args: string[]): Promise<number> {
  const { user, key } = options
  const [name, ...command] = options.name === undefined ? args : [options.name, ...args]
  const target = await targetNamed(name, cacheDir)
  await using connection = await connectToTarget(target, { user, key, signal })
  return await runInMachine(over(connection, signal), command)
}

export interface ExecOptions {
  user?: string
  env?: string[]
  cwd?: string
  timeout?: Duration
}

/** `mayfly exec`: gives the status of the guest's command. */
export async function exec({ cacheDir, signal }: ActionContext, options: ExecOptions, args: string[]): Promise<number> {
  const [name, ...command] = args
  const { user, cwd, timeout } = options
  const execOptions = {
    user,
    cwd,
    env: environment(options.env ?? []),
    timeout: timeout === undefined ? undefined : toMilliseconds(timeout, '--timeout'),
  }
  if (command.length === 0) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', 'no command is given', {
      hint: `mayfly exec ${name} -- <command>; for a shell: mayfly ssh ${name}`,
    })
  }
  const target = await targetNamed(name, cacheDir)
  await using connection = await connectToTarget(target, { signal })
  return await runInMachine(over(connection, signal), command, execOptions)
}

/** Commands and shells on a connection that is ours alone. */
function over(connection: SshConnection, signal: AbortSignal): InMachine {
  return {
    exec: (command, options) => execOn(connection, command, { ...options, signal }),
    shell: (options) => openShell(connection, options),
  }
}
