import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import { type Bounds, bounded } from '../deadline.js'
import { MayflyError } from '../errors.js'
import { clearTimeout, performance, setTimeout } from '../node-globals.js'
import { formatMilliseconds, MIB, toMilliseconds } from '../units.js'
import { AfterMarker, notBegun } from './after-marker.js'
import { type OpeningChannel, openExecChannel } from './channel.js'
import type { SshConnection } from './connection.js'
import { wasHeld } from './end-with-shell.js'
import type { ExecOptions, ExecResult } from './exec.js'
import { killMarked } from './kill-marked.js'
import { OutputBuffer } from './output.js'
import type { WireCommand } from './remote-command.js'
import { abandon } from './ssh2-internals.js'
import { checkUserSwitch } from './user-switch.js'

const MAX_BUFFER = 64 * MIB

/** What runs, and how it is put to a server. */
export interface ExecutionPlan {
  /** For errors. */
  name: string
  /** For a POSIX shell that waits already; undefined if it does not go there. @param marker see `remoteCommand` */
  inWaitingShell(marker?: string): string | undefined
  onWire(marker?: string): WireCommand
  /** What it writes first, to stdout and to stderr. What comes before is not its own. */
  outputMarker?: string
}

/** One command, from its channel to its result. */
export class Execution {
  readonly #connection: SshConnection
  readonly #options: ExecOptions
  readonly #name: string
  readonly #plan: ExecutionPlan
  #marker: string | undefined
  #onBegun = () => {}
  #stdinPrefix: Buffer | undefined
  readonly #timeoutMs: number | undefined
  readonly #startedAt = performance.now()
  readonly #stdout: OutputBuffer
  readonly #stderr: OutputBuffer
  readonly #begun: { stdout: AfterMarker; stderr: AfterMarker } | undefined

  constructor(connection: SshConnection, plan: ExecutionPlan, options: ExecOptions) {
    this.#connection = connection
    this.#options = options
    this.#name = plan.name
    this.#plan = plan
    this.#timeoutMs = options.timeout === undefined ? undefined : toMilliseconds(options.timeout, 'timeout')
    this.#stdout = new OutputBuffer(options.maxBuffer ?? MAX_BUFFER, options.onStdout !== undefined)
    this.#stderr = new OutputBuffer(options.maxBuffer ?? MAX_BUFFER, options.onStderr !== undefined)
    const { outputMarker } = plan
    this.#begun =
      outputMarker === undefined
        ? undefined
        : { stdout: new AfterMarker(outputMarker), stderr: new AfterMarker(outputMarker) }
  }

  async result(): Promise<ExecResult<string | Buffer>> {
    if (this.#options.signal?.aborted) throw this.#aborted()
    const { killings } = this.#connection
    if (killings) {
      const why = ['it was not started: what an earlier command has started is being killed']
      const late = () => this.#timedOut().withDetails(why)
      await bounded(killings, { ...this.#bounds, late, aborted: () => this.#aborted().withDetails(why) })
    }
    const opening = this.#start()
    const status = await this.#interruptible(
      opening,
      opening.opened.then(({ channel, connection }) => connection.during(this.#name, () => this.#transact(channel))),
    )
    const asBytes = this.#options.encoding === 'buffer'
    const begun = this.#begun?.stdout.seen ?? true
    // Why it did not begin is told by what switches users or by the login shell, in front of the marker.
    if (this.#begun && !begun) this.#stderr.add(this.#begun.stderr.before)
    const result = {
      stdout: asBytes ? this.#stdout.bytes() : this.#stdout.text(),
      stderr: asBytes ? this.#stderr.bytes() : this.#stderr.text(),
      ...status,
      durationMs: performance.now() - this.#startedAt,
    }
    const { user } = this.#options
    if (user !== undefined) await bounded(checkUserSwitch(this.#connection, user, result), this.#bounds)
    if (!begun) throw this.#notBegun(status)
    return result
  }

  /** In the shell that waits, if there is one and it will do. */
  #start(): OpeningChannel {
    const waiting = this.#connection.takeWaitingShell()
    if (this.#timeoutMs !== undefined || this.#options.signal) {
      this.#marker = waiting?.token ?? `MAYFLY_EXEC_${randomBytes(8).toString('hex')}`
    }
    try {
      const text = waiting && this.#plan.inWaitingShell(this.#marker)
      const open = text === undefined ? undefined : waiting?.run(text)
      if (open) return { opened: Promise.resolve(open), cancel: () => false }
      waiting?.end()
    } catch (error) {
      waiting?.end()
      throw error
    }
    const { line, stdinPrefix } = this.#plan.onWire(this.#marker)
    this.#stdinPrefix = stdinPrefix
    return openExecChannel(this.#connection, line, this.#name)
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
        this.#timeoutMs === undefined
          ? undefined
          : setTimeout(() => interrupt(() => this.#timedOut()), this.#bounds.leftMs)
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
  #transact(channel: ClientChannel): Promise<Pick<ExecResult, 'exitCode' | 'signal' | 'background'>> {
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
        if (exitCode !== undefined)
          resolve({ exitCode, signal: exitSignal, ...(wasHeld(channel) && { background: true }) })
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
      // A start-up file that reads gets none of the input.
      if (this.#begun && (this.#stdinPrefix || this.#options.stdin !== undefined))
        this.#onBegun = () => this.#feed(channel, fail)
      else this.#feed(channel, fail)
    })
  }

  #collect(stream: Readable, name: 'stdout' | 'stderr', onEnd: () => void, fail: (error: unknown) => void): void {
    const output = name === 'stdout' ? this.#stdout : this.#stderr
    const listener = name === 'stdout' ? this.#options.onStdout : this.#options.onStderr
    const begun = this.#begun?.[name]
    let busy: Promise<void> | undefined
    stream.on('data', (all: Buffer) => {
      const chunk = begun ? this.#afterMarker(begun, all, fail) : all
      if (chunk.length === 0) return
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

  #afterMarker(stream: AfterMarker, chunk: Buffer, fail: (error: unknown) => void): Buffer {
    const before = stream.seen
    const after = stream.take(chunk)
    if (!before && stream.seen && stream === this.#begun?.stdout) this.#onBegun()
    if (!stream.patient) fail(this.#notBegun())
    return after
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

  /** For what comes before and after the command. */
  get #bounds(): Bounds {
    const elapsed = performance.now() - this.#startedAt
    return {
      leftMs: Math.max(1, (this.#timeoutMs ?? Number.POSITIVE_INFINITY) - elapsed),
      signal: this.#options.signal,
      late: () => this.#timedOut(),
      aborted: () => this.#aborted(),
    }
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

  #notBegun(status?: Pick<ExecResult, 'exitCode' | 'signal'>): MayflyError {
    return notBegun(this.#name, this.#connection.target.username, this.#begun!, status)
  }

  #noStatus(): MayflyError {
    return new MayflyError('MAYFLY_SSH_FAILED', 'the server closed the channel without an exit status', {
      details: this.#evidence(),
    })
  }
}
