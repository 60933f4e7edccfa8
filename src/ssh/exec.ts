import type { Readable } from 'node:stream'
import type { Duration } from '../units.js'
import type { SshConnection } from './connection.js'
import { Execution } from './execution.js'
import { inPlace, type RemoteCommandOptions, remoteCommand, wireCommand } from './remote-command.js'

export type OutputListener = (chunk: Buffer) => void | Promise<void>

export interface ExecOptions extends RemoteCommandOptions {
  /** What the command reads. Its standard input is always ended, so `cat` ends. */
  stdin?: string | Uint8Array | Readable | undefined
  /** When it is over, the command and its descendants are killed. Default: none. */
  timeout?: Duration | undefined
  /** Aborting kills the command and its descendants. */
  signal?: AbortSignal | undefined
  /** Gets every chunk as it comes; no more is read while its promise is pending. The result then holds only the last 64 KiB. */
  onStdout?: OutputListener | undefined
  onStderr?: OutputListener | undefined
  /** `'utf8'` (default) or `'buffer'` for the bytes. */
  encoding?: 'utf8' | 'buffer' | undefined
  /** Bytes of stdout, and of stderr, that are kept unless they are streamed. Default 64 MiB. */
  maxBuffer?: number | undefined
}

export interface ExecResult<Output extends string | Buffer = string> {
  stdout: Output
  stderr: Output
  /** Null if a signal ended the command. */
  exitCode: number | null
  /** `'SIGKILL'`, ..., if a signal ended the command. */
  signal: string | null
  durationMs: number
  /** True if a background process still held the output when the shell ended: what it writes later is dropped. dropbear does not tell. */
  background?: true
}

/**
 * Runs one command and gives its output and status, whatever the status.
 * @param command text for the user's login shell, or for /bin/sh if `user` is another one; or an argument vector, which no shell
 * changes. It ends when that shell ends: what a background process writes later is dropped.
 * @throws MayflyError MAYFLY_COMMAND_TIMEOUT, MAYFLY_ABORTED, MAYFLY_OUTPUT_TOO_LARGE, MAYFLY_SSH_FAILED,
 * MAYFLY_COMMAND_FAILED (no way to become `user`), MAYFLY_OPTION_INVALID.
 */
export function exec(
  connection: SshConnection,
  command: string | readonly string[],
  options: ExecOptions & { encoding: 'buffer' },
): Promise<ExecResult<Buffer>>
export function exec(
  connection: SshConnection,
  command: string | readonly string[],
  options?: ExecOptions & { encoding?: 'utf8' | undefined },
): Promise<ExecResult>
export function exec(
  connection: SshConnection,
  command: string | readonly string[],
  options?: ExecOptions,
): Promise<ExecResult<string | Buffer>>
export async function exec(
  connection: SshConnection,
  command: string | readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult<string | Buffer>> {
  const { username } = connection.target
  const plan = {
    name: typeof command === 'string' ? command : command.join(' '),
    inWaitingShell: (marker?: string) => remoteCommand(inPlace(command), username, options, marker),
    onWire: (marker?: string) => wireCommand(command, username, options, marker),
  }
  return await new Execution(connection, plan, options).result()
}
