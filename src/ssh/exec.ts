import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import { MayflyError } from '../errors.js'
import { clearTimeout, performance, setTimeout } from '../node-globals.js'
import { type Duration, formatMilliseconds, MIB, toMilliseconds } from '../units.js'
import { type OpeningChannel, openExecChannel } from './channel.js'
import type { SshConnection } from './connection.js'
import { killMarked } from './kill-marked.js'
import { OutputBuffer } from './output.js'
import { inPlace, type RemoteCommandOptions, remoteCommand, toWire } from './remote-command.js'
import { abandon } from './ssh2-internals.js'
import { checkUserSwitch } from './user-switch.js'

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
}

/**
 * Runs one command and gives its output and status, whatever the status.
 * @param command text for the user's login shell, or an argument vector, which no shell changes.
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
  const run = new Execution(connection, command, options)
  return run.result()
}

const MAX_BUFFER = 64 * MIB

class Execution {
  readonly #connection: SshConnection
  readonly #options: ExecOptions
  readonly #name: string
  readonly #command: string | readonly string[]
  #marker: string | undefined
  #stdinPrefix: Buffer | undefined
  readonly #timeoutMs: number | undefined
  readonly #startedAt = performance.now()
  readonly #stdout: OutputBuffer
  readonly #stderr: OutputBuffer

  constructor(connection: SshConnection, command: string | readonly string[], options: ExecOptions) {
    this.#connection = connection
    this.#options = options
    this.#name = typeof command === 'string' ? command : command.join(' ')
    this.#timeoutMs = options.timeout === undefined ? undefined : toMilliseconds(options.timeout, 'timeout')
    this.#command = command
    this.#stdout = new OutputBuffer(options.maxBuffer ?? MAX_BUFFER, options.onStdout !== undefined)
    this.#stderr = new OutputBuffer(options.maxBuffer ?? MAX_BUFFER, options.onStderr !== undefined)
  }

  async result(): Promise<ExecResult<string | Buffer>> {
    if (this.#options.signal?.aborted) throw this.#aborted()
    const opening = this.#start()
    const status = await this.#interruptible(
      opening,
      opening.opened.then(({ channel, connection }) => connection.during(this.#name, () => this.#transact(channel))),
    )
    const asBytes = this.#options.encoding === 'buffer'
    const result = {
      stdout: asBytes ? this.#stdout.bytes() : this.#stdout.text(),
      stderr: asBytes ? this.#stderr.bytes() : this.#stderr.text(),
      ...status,
      durationMs: performance.now() - this.#startedAt,
    }
    await checkUserSwitch(this.#connection, this.#options.user, result)
    return result
  }

  /** In the shell that waits, if there is one and it will do. */
  #start(): OpeningChannel {
    const waiting = this.#connection.takeWaitingShell()
    if (this.#timeoutMs !== undefined || this.#options.signal) {
      this.#marker = waiting?.token ?? `MAYFLY_EXEC_${randomBytes(8).toString('hex')}`
    }
    try {
      const open = waiting?.run(this.#text(inPlace(this.#command)))
      if (open) return { opened: Promise.resolve(open), cancel: () => false }
    } catch (error) {
      waiting?.end()
      throw error
    }
    const { line, stdinPrefix } = toWire(this.#text(this.#command), this.#marker)
    this.#stdinPrefix = stdinPrefix
    return openExecChannel(this.#connection, line, this.#name)
  }

  #text(command: string | readonly string[]): string {
    return remoteCommand(command, this.#connection.target.username, this.#options, this.#marker)
  }

  /** Settles with `running`, unless the timeout or the signal comes first: then when the command has been killed. */
  #interruptible<T>(opening: OpeningChannel, running: Promise<T>): Promise<T> {
    const { signal } = this.#options
    const marker = this.#marker
    if (marker === undefined) return running
    return new Promise<T>((resolve, reject) => {
      const interrupt = (error: () => MayflyError) => {
        settled()
        if (opening.cancel()) {
          reject(error().withDetails([`it was not started: ${this.#connection.lanes.running} others were running`]))
          return
        }
        killMarked(this.#connection, marker, opening.opened).then((doubt) => {
          reject(doubt === undefined ? error() : error().withDetails([doubt]))
        }, reject)
      }
      const timer =
        this.#timeoutMs === undefined ? undefined : setTimeout(() => interrupt(() => this.#timedOut()), this.#timeoutMs)
      const onAbort = () => interrupt(() => this.#aborted())
      signal?.addEventListener('abort', onAbort, { once: true })
      let done = false
      const settled = () => {
        done = true
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      running.then(
        (value) => {
          if (done) return
          settled()
          resolve(value)
        },
        (error) => {
          if (done) return
          settled()
          reject(error)
        },
      )
    })
  }

  /** Feeds stdin, collects the output, and gives the status once the channel is closed and every listener has finished. */
  #transact(channel: ClientChannel): Promise<Pick<ExecResult, 'exitCode' | 'signal'>> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        reject(error)
        abandon(channel)
      }
      let exitCode: number | null | undefined
      let exitSignal: string | null = null
      let open = 3
      const finish = () => {
        if (--open > 0) return
        if (exitCode !== undefined) resolve({ exitCode, signal: exitSignal })
        else reject(this.#noStatus())
      }
      this.#collect(channel, 'stdout', finish, fail)
      this.#collect(channel.stderr, 'stderr', finish, fail)
      // Not 'exit': it may have come in the packet that opened the channel, before anyone could listen. This one waits
      // until the output has been read, and brings the same.
      channel.on('close', (code: number | null | undefined, signal?: string) => {
        exitCode = code
        exitSignal = signal ?? null
        finish()
      })
      channel.on('error', fail)
      // One that was opened before has been held back.
      channel.resume()
      this.#feed(channel, fail)
    })
  }

  #collect(stream: Readable, name: 'stdout' | 'stderr', onEnd: () => void, fail: (error: unknown) => void): void {
    const output = name === 'stdout' ? this.#stdout : this.#stderr
    const listener = name === 'stdout' ? this.#options.onStdout : this.#options.onStderr
    let busy: Promise<void> | undefined
    stream.on('data', (chunk: Buffer) => {
      if (!output.add(chunk)) {
        fail(this.#tooLarge(name))
        return
      }
      if (!listener) return
      try {
        const pending = listener(chunk)
        if (pending === undefined) return
        stream.pause()
        busy = pending.then(() => void stream.resume(), fail)
      } catch (error) {
        fail(error)
      }
    })
    stream.once('end', () => (busy ? busy.then(onEnd) : onEnd()))
  }

  #feed(channel: ClientChannel, fail: (error: unknown) => void): void {
    const { stdin } = this.#options
    if (this.#stdinPrefix) channel.write(this.#stdinPrefix)
    if (!(stdin instanceof Readable)) {
      channel.end(stdin)
      return
    }
    stdin.once('error', fail)
    // The command may end without reading everything.
    channel.once('close', () => {
      stdin.unpipe(channel)
      stdin.off('error', fail)
    })
    stdin.pipe(channel)
  }

  #evidence(): string[] {
    return [`command: ${this.#name}`, ...this.#stdout.lastLines('stdout'), ...this.#stderr.lastLines('stderr')]
  }

  #elapsed(): string {
    return formatMilliseconds(performance.now() - this.#startedAt)
  }

  #timedOut(): MayflyError {
    return new MayflyError(
      'MAYFLY_COMMAND_TIMEOUT',
      `the command did not end within ${formatMilliseconds(this.#timeoutMs!)}`,
      {
        details: [...this.#evidence(), `elapsed: ${this.#elapsed()}`],
      },
    )
  }

  #aborted(): MayflyError {
    return new MayflyError('MAYFLY_ABORTED', `the command was aborted after ${this.#elapsed()}`, {
      details: this.#evidence(),
      cause: this.#options.signal?.reason,
    })
  }

  #tooLarge(stream: string): MayflyError {
    const limit = this.#options.maxBuffer ?? MAX_BUFFER
    return new MayflyError('MAYFLY_OUTPUT_TOO_LARGE', `the command wrote more than ${limit} bytes to ${stream}`, {
      details: this.#evidence(),
      hint: `Stream it with ${stream === 'stdout' ? 'onStdout' : 'onStderr'}, or raise maxBuffer.`,
    })
  }

  #noStatus(): MayflyError {
    return new MayflyError('MAYFLY_SSH_FAILED', 'the server closed the channel without an exit status', {
      details: this.#evidence(),
    })
  }
}
