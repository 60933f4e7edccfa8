import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { MayflyError } from '../errors.js'
import { LineReader } from '../line-reader.js'
import { clearTimeout, setTimeout } from '../node-globals.js'
import { MIB } from '../units.js'
import type { QmpCommands, QmpEvent } from './qmp-schema.js'

type Arguments<K extends keyof QmpCommands> = QmpCommands[K]['arguments'] extends undefined
  ? [args?: undefined, deadlineMs?: number]
  : [args: QmpCommands[K]['arguments'], deadlineMs?: number]

interface Pending {
  command: string
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
  timer: NodeJS.Timeout
}

/** A monitor that does not answer within this is stuck: even a migration is only started, not awaited, by a command. */
const DEFAULT_DEADLINE_MS = 30_000
/** What a monitor gets that has left a command unanswered: what cleans up after that must not wait as long again. */
const SILENT_DEADLINE_MS = 1000
/** The longest answers, of QEMU's own schema and of lists of jobs, have a few hundred KiB. */
const LONGEST_MESSAGE = 16 * MIB

/**
 * QEMU's machine protocol over a stream: newline-delimited JSON, one greeting, answers matched by id.
 * Commands may be sent before the greeting; QEMU answers them in order.
 * @see https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
export class QmpClient {
  readonly #stream: Duplex
  readonly #events = new EventEmitter()
  readonly #pending = new Map<number, Pending>()
  readonly #greeting: Promise<void>
  #greet!: { resolve: () => void; reject: (error: unknown) => void }
  #nextId = 1
  #silent = false
  #closed: MayflyError | undefined

  constructor(stream: Duplex) {
    this.#stream = stream
    this.#events.setMaxListeners(0)
    this.#greeting = new Promise((resolve, reject) => {
      this.#greet = { resolve, reject }
    })
    this.#greeting.catch(() => {})
    const lines = new LineReader({
      longestLine: LONGEST_MESSAGE,
      onLine: (line) => this.#read(line),
      onTooLong: () => this.#fail(new Error(`a message of more than ${LONGEST_MESSAGE} bytes`)),
    })
    stream.on('data', (chunk: Buffer) => lines.add(chunk))
    stream.on('error', (error) => this.#end(error))
    stream.on('close', () => this.#end())
  }

  /** Whether the connection has ended. */
  get closed(): boolean {
    return this.#closed !== undefined
  }

  /** Resolves when QEMU has greeted us, which is when its devices exist. */
  async greeted(): Promise<void> {
    await this.#greeting
  }

  /**
   * Runs one command.
   * @throws MayflyError MAYFLY_QMP_COMMAND_FAILED when QEMU refuses it or does not answer in time, MAYFLY_QEMU_EXITED when the connection ends.
   */
  execute<K extends keyof QmpCommands>(command: K, ...rest: Arguments<K>): Promise<QmpCommands[K]['return']> {
    const [args, wantedMs = DEFAULT_DEADLINE_MS] = rest
    const deadlineMs = this.#silent ? Math.min(wantedMs, SILENT_DEADLINE_MS) : wantedMs
    if (this.#closed) return Promise.reject(this.#closed)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        this.#silent = true
        reject(new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU did not answer ${command} within ${deadlineMs} ms`))
      }, deadlineMs)
      this.#pending.set(id, { command, resolve: resolve as (value: unknown) => void, reject, timer })
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    })
  }

  /** The next event that `matches`; rejects when the connection ends or `signal` aborts. Subscribe before causing it. */
  nextEvent(matches: (event: QmpEvent) => boolean, signal?: AbortSignal): Promise<QmpEvent> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed)
      const done = () => {
        this.#events.off('event', onEvent)
        this.#events.off('end', onEnd)
        signal?.removeEventListener('abort', onAbort)
      }
      const onEvent = (event: QmpEvent) => {
        if (!matches(event)) return
        done()
        resolve(event)
      }
      const onEnd = (error: MayflyError) => {
        done()
        reject(error)
      }
      const onAbort = () => {
        done()
        reject(signal?.reason)
      }
      if (signal?.aborted) return onAbort()
      this.#events.on('event', onEvent)
      this.#events.on('end', onEnd)
      signal?.addEventListener('abort', onAbort)
    })
  }

  /** Calls `listener` for every event until the result is called. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#events.on('event', listener)
    return () => this.#events.off('event', listener)
  }

  #read(line: string): void {
    if (line.trim() === '' || this.#closed) return
    try {
      this.#receive(JSON.parse(line))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      this.#fail(error)
    }
  }

  /** Nothing that comes after what is no message can be trusted. */
  #fail(error: Error): void {
    this.#end(error)
    this.#stream.destroy()
  }

  #receive(message: Message): void {
    this.#silent = false
    if ('QMP' in message) {
      this.#greet.resolve()
      return
    }
    if ('event' in message) {
      this.#events.emit('event', message)
      return
    }
    const pending = this.#pending.get(message.id ?? -1)
    if (!pending) return
    this.#pending.delete(message.id ?? -1)
    clearTimeout(pending.timer)
    if ('error' in message) {
      const { class: kind, desc } = message.error
      pending.reject(
        new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU refused ${pending.command}: ${desc}`, {
          details: kind === 'GenericError' ? [] : [`class: ${kind}`],
        }),
      )
    } else pending.resolve(message.return)
  }

  #end(cause?: Error): void {
    if (this.#closed) return
    this.#closed = new MayflyError('MAYFLY_QEMU_EXITED', "QEMU's monitor connection ended", { cause })
    this.#greet.reject(this.#closed)
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(this.#closed)
    }
    this.#pending.clear()
    this.#events.emit('end', this.#closed)
  }
}

type Message =
  | { QMP: unknown }
  | QmpEvent
  | { id?: number; return: unknown }
  | { id?: number; error: { class: string; desc: string } }
