import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import type { ProcessIdentity } from '../host/process-table.js'
import { type Store, withLock } from '../image/store.js'
import type { Exit } from '../qemu/process.js'
import { findSockets, keeperName } from './address.js'
import { onLines, sendLine } from './lines.js'
import type { Hello, KeeperMessage, Notice, Requests } from './protocol.js'
import { startKeeper } from './start-keeper.js'

/** Finding out about a guest takes a few ms; a machine that has to be made first is waited for as long as its taker likes. */
const ANSWER_DEADLINE_MS = 10_000

interface Pending {
  resolve: (result: never) => void
  reject: (error: unknown) => void
}

/** What becomes of a machine of the keeper's that this process uses. */
export interface LeaseListener {
  onExit(exit: Exit): void
  onDisconnected(): void
}

/** This process's connection to its keeper. Machines that it takes end with the connection. */
export class KeeperLink {
  readonly #path: string
  readonly #socket: Socket
  readonly #onNote: (line: string) => void
  readonly #pending = new Map<number, Pending>()
  readonly #leases = new Map<string, LeaseListener>()
  #nextId = 1
  #lost = false

  private constructor(path: string, socket: Socket, onNote: (line: string) => void) {
    this.#path = path
    this.#socket = socket
    this.#onNote = onNote
    onLines(socket, (message) => this.#receive(message as KeeperMessage))
    socket.on('error', () => {})
    socket.on('close', () => this.#end())
    // Whoever runs the tests is not held up by it.
    socket.unref()
  }

  /** Connects to the keeper of `owner`, which is started if there is none. */
  static async open(
    store: Store,
    owner: ProcessIdentity,
    { file, onNote }: { file: string; onNote: (line: string) => void },
  ): Promise<KeeperLink> {
    const name = keeperName(owner.pid)
    const link = async () => {
      for (const path of await findSockets(store, name)) {
        const socket = connect(path)
        const connected = await once(socket, 'connect').catch(() => undefined)
        if (!connected) continue
        sendLine(socket, { kind: 'worker', file } satisfies Hello)
        return new KeeperLink(path, socket, onNote)
      }
      return undefined
    }
    return (
      (await link()) ??
      (await withLock(store, 'keeper', {}, async () => {
        const others = await link()
        if (others) return others
        await startKeeper({ owner, cacheDir: store.root, name })
        const own = await link()
        if (own) return own
        throw new Error('the keeper cannot be found just after it was started')
      }))
    )
  }

  get lost(): boolean {
    return this.#lost
  }

  find(request: Requests['find'][0]): Promise<Requests['find'][1]> {
    return this.#askSoon('find', request)
  }

  keep(request: Requests['keep'][0]): Promise<Requests['keep'][1]> {
    return this.#askSoon('keep', request)
  }

  /** @returns the machine, and the name of its lease; `listener` hears of it from now on. */
  async take(
    key: string,
    listener: LeaseListener,
    signal?: AbortSignal,
  ): Promise<{ lease: string; data: Requests['take'][1] }> {
    const lease = randomBytes(8).toString('hex')
    const giveUp = () => this.notify({ do: 'give-up', lease })
    this.#leases.set(lease, listener)
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      const data = await this.#ask('take', { key, lease })
      if (!signal?.aborted) return { lease, data }
      await this.end(lease)
      throw signal.reason
    } catch (error) {
      this.#leases.delete(lease)
      throw error
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

  /** Ends a machine; settles when it is gone, or when the keeper has not said so for long: then it goes with the connection. */
  async end(lease: string): Promise<void> {
    if (!this.#lost) await this.#askSoon('end', { lease }).catch(() => {})
    this.#leases.delete(lease)
  }

  notify(notice: Notice): void {
    sendLine(this.#socket, notice)
  }

  /** A connection for one stream or session of a machine. */
  open(hello: Exclude<Hello, { kind: 'worker' }>): Socket {
    const socket = connect(this.#path)
    socket.on('error', () => {})
    sendLine(socket, hello)
    return socket
  }

  /** Ends the connection, and with it the machines that were taken. */
  close(): void {
    this.#socket.end()
  }

  #askSoon<K extends 'find' | 'keep' | 'end'>(name: K, given: Requests[K][0]): Promise<Requests[K][1]> {
    return within(this.#ask(name, given), ANSWER_DEADLINE_MS, () => {
      return new Error(`the keeper did not answer within ${ANSWER_DEADLINE_MS} ms`)
    })
  }

  #ask<K extends keyof Requests>(name: K, given: Requests[K][0]): Promise<Requests[K][1]> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(new Error('the keeper has gone'))
      const id = this.#nextId++
      this.#pending.set(id, { resolve, reject })
      sendLine(this.#socket, { id, do: name, with: given })
    })
  }

  #receive(message: KeeperMessage): void {
    if ('id' in message) {
      const pending = this.#pending.get(message.id)
      this.#pending.delete(message.id)
      if ('result' in message) pending?.resolve(message.result as never)
      else {
        const { code, message: text, details, hint } = message.error
        pending?.reject(new MayflyError(code, text, { details, hint }))
      }
    } else if (message.tell === 'note') this.#onNote(message.line)
    else if (message.tell === 'exit') this.#leases.get(message.lease)?.onExit(message.exit)
    else this.#leases.get(message.lease)?.onDisconnected()
  }

  /** The keeper has gone, and its machines with it: the kernel kills them. */
  #end(): void {
    this.#lost = true
    for (const { reject } of this.#pending.values()) reject(new Error('the keeper has gone'))
    this.#pending.clear()
    for (const listener of this.#leases.values()) {
      listener.onDisconnected()
      listener.onExit({ code: null, signal: 'SIGKILL' })
    }
  }
}
