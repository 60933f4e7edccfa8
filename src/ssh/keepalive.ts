import type { Socket } from 'node:net'
import type { Client } from 'ssh2'
import { clearInterval, setInterval } from '../node-globals.js'
import { ping } from './ssh2-internals.js'

const MAX_UNANSWERED = 4

/**
 * Asks the server at intervals whether it is there, and ends the connection of one that does not answer. ssh2's own keepalive
 * uses the global timers: a test that advances fake ones by minutes would end every connection.
 */
export class Keepalive implements Disposable {
  readonly #client: Client
  readonly #socket: Socket
  readonly #intervalMs: number
  #unanswered = 0
  #timer: NodeJS.Timeout | undefined

  constructor(client: Client, socket: Socket, intervalMs: number) {
    this.#client = client
    this.#socket = socket
    this.#intervalMs = intervalMs
    this.restart()
  }

  /** The time until the server is next asked begins anew. */
  restart(): void {
    this.#unanswered = 0
    clearInterval(this.#timer)
    if (this.#socket.writable) this.#timer = setInterval(() => this.#ask(), this.#intervalMs).unref()
  }

  #ask(): void {
    if (this.#socket.writable && ++this.#unanswered <= MAX_UNANSWERED) {
      ping(this.#client, () => this.restart())
      return
    }
    this[Symbol.dispose]()
    if (!this.#socket.writable) return
    this.#client.emit('error', new Error('Keepalive timeout'))
    this.#socket.destroy()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
