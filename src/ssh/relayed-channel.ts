import type { Socket } from 'node:net'
import { Duplex, Readable } from 'node:stream'
import { encodeFrame, FRAME, type FrameKind, FrameReader } from './channel-frames.js'

/** What a socket brings in a few turns: the reader is not waited for by each of them. */
const BUFFERED_BYTES = 1024 * 1024

/**
 * A session channel that another process has on its SSH connection, over a socket to that process (see serve-channel.ts).
 * To its user it is what ssh2's ClientChannel is: 'close' brings exit status or signal, once the output has been read.
 */
export class RelayedChannel extends Duplex {
  readonly stderr: Readable
  readonly #socket: Socket
  readonly #onLost: () => void
  #answer: ((error: Error | undefined) => void) | undefined
  #over = false

  /**
   * @param onAnswer called once, when the channel is open or with why it is not.
   * @param onLost called if the socket ends before the channel: the process at its other end is gone.
   */
  constructor(socket: Socket, onAnswer: (error: Error | undefined) => void, onLost: () => void) {
    const options = { highWaterMark: BUFFERED_BYTES, emitClose: false, autoDestroy: false }
    super(options)
    this.#socket = socket
    this.#answer = onAnswer
    this.#onLost = onLost
    const goOn = () => void socket.resume()
    this.stderr = new Readable({ read: goOn, ...options })
    const frames = new FrameReader((kind, payload) => this.#receive(kind, payload))
    socket.on('data', (chunk: Buffer) => frames.add(chunk))
    socket.on('error', () => {})
    socket.on('close', () => this.#onSocketClosed())
  }

  signal(name: string): void {
    if (this.writable) this.#send(FRAME.signal, name)
  }

  setWindow(rows: number, cols: number, _height: number, _width: number): void {
    if (this.writable) this.#send(FRAME.resize, JSON.stringify([rows, cols]))
  }

  close(): void {
    this.#send(FRAME.close)
  }

  /** Gives the command up: it is killed, and its output is not wanted. */
  abandon(): void {
    for (const stream of [this, this.stderr]) stream.removeAllListeners('data').resume()
    this.#send(FRAME.abandon)
  }

  /** The connection has ended, and this with it. */
  disconnect(): void {
    this.#socket.destroy()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // The command has ended, perhaps before it was fed anything: nobody reads it.
    if (this.#over) done()
    else this.#socket.write(encodeFrame(FRAME.data, chunk), () => done())
  }

  override _final(done: () => void): void {
    this.#send(FRAME.eof)
    done()
  }

  #send(kind: FrameKind, payload?: string): void {
    if (!this.#over && this.#socket.writable) this.#socket.write(encodeFrame(kind, payload))
  }

  #receive(kind: FrameKind, payload: Buffer): void {
    if (kind === FRAME.opened) this.#settle(undefined)
    else if (kind === FRAME.failed) {
      this.#over = true
      this.#settle(new Error(payload.toString()))
    } else if (kind === FRAME.data || kind === FRAME.stderr) {
      const stream = kind === FRAME.data ? this : this.stderr
      // Both streams share a window in SSH too.
      if (!stream.push(payload)) this.#socket.pause()
    } else if (kind === FRAME.closed) this.#end(JSON.parse(payload.toString()) as unknown[])
  }

  #end(outcome: readonly unknown[]): void {
    if (this.#over) return
    this.#over = true
    this.#socket.end()
    this.push(null)
    this.stderr.push(null)
    if (this.readableEnded) this.emit('close', ...outcome)
    else this.once('end', () => this.emit('close', ...outcome))
  }

  #onSocketClosed(): void {
    if (this.#over) return
    this.#onLost()
    this.#settle(new Error('Not connected'))
    this.#end([])
  }

  #settle(error: Error | undefined): void {
    this.#answer?.(error)
    this.#answer = undefined
  }
}
