import { MayflyError } from '../errors.js'
import type { SshConnection } from '../ssh/connection.js'
import { exec as execOn } from '../ssh/exec.js'
import { openShell } from '../ssh/shell.js'
import type { ActionContext } from './action.js'
import { environment } from './environment.js'
import { type InMachine, runInMachine } from './in-machine.js'
import { connectToTarget, targetNamed } from './target.js'

export interface SshOptions {
  name?: string
  file?: string
  user?: string
  key?: string
}

/** `mayfly ssh`: gives the status of the guest's command, or shell. */
export async function ssh({ cacheDir, signal }: ActionContext, options: SshOptions, args: string[]): Promise<number> {
  const { file, user, key } = options
  const unnamed = options.name !== undefined || isCommand(args)
  const [name, command] = unnamed ? [options.name, args] : [args[0], args.slice(1)]
  const target = await targetNamed(name, cacheDir, file)
  await using connection = await connectToTarget(target, { user, key, signal })
  return await runInMachine(over(connection, signal), command)
}

/** Whether all of it stands behind `--`, which commander leaves out: no machine is named then. */
function isCommand(args: readonly string[]): boolean {
  const dashes = process.argv.indexOf('--')
  return dashes !== -1 && process.argv.length - dashes - 1 === args.length
}

export interface ExecOptions {
  user?: string
  env?: string[]
  cwd?: string
  /** In ms. */
  timeout?: number
}

/** `mayfly exec`: gives the status of the guest's command. */
export async function exec({ cacheDir, signal }: ActionContext, options: ExecOptions, args: string[]): Promise<number> {
  const [name, ...command] = args
  const { user, cwd, timeout } = options
  const execOptions = {
    user,
    cwd,
    env: environment(options.env ?? []),
    timeout,
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
