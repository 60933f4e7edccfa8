import type { Socket } from 'node:net'
import { MayflyError, messageOf } from '../errors.js'
import { AbortController } from '../node-globals.js'
import { assertConnected } from '../snapshot/clone.js'
import type { KeptGuests } from './kept-guests.js'
import { Lease } from './lease.js'
import { onLines, sendLine } from './lines.js'
import type { ErrorData, KeeperMessage, Requests, WorkerMessage } from './protocol.js'

/** One worker's connection to its keeper, as the keeper has it: its requests, and the machines that end with it. */
export class WorkerLine implements AsyncDisposable {
  readonly #guests: KeptGuests
  readonly #socket: Socket
  readonly #onShortage: () => void
  readonly #leases = new Map<string, Lease>()
  readonly #taking = new Map<string, AbortController>()
  readonly #handlers: { [K in keyof Requests]: (given: Requests[K][0]) => Promise<Requests[K][1]> }
  /** Guests that it has asked for, and how many machines of each. */
  readonly used = new Map<string, number>()
  #ended = false

  constructor(guests: KeptGuests, socket: Socket, onShortage: () => void) {
    this.#guests = guests
    this.#socket = socket
    this.#onShortage = onShortage
    this.#handlers = {
      find: async (request) => this.#use((await guests.find(request)) ?? null),
      keep: async ({ prepared, ...request }) => this.#use(await guests.keep(request, prepared)),
      take: (request) => this.#take(request),
      end: async ({ lease }) => {
        await this.#end(lease)
        return null
      },
    }
    onLines(socket, (message) => this.#receive(message as WorkerMessage))
  }

  lease(id: string): Lease | undefined {
    return this.#leases.get(id)
  }

  tell(message: KeeperMessage): void {
    sendLine(this.#socket, message)
  }

  /** The worker has gone, or is done: its machines end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    for (const taking of this.#taking.values()) taking.abort(new Error('the worker has gone'))
    await Promise.all([...this.#leases.keys()].map((id) => this.#end(id)))
  }

  #receive(message: WorkerMessage): void {
    if ('id' in message) {
      const handle = this.#handlers[message.do] as (given: unknown) => Promise<unknown>
      handle(message.with).then(
        (result) => this.tell({ id: message.id, result }),
        (error) => this.tell({ id: message.id, error: describe(error) }),
      )
    } else if (message.do === 'expect') this.#guests.get(message.key)?.pool.expect(message.count)
    else if (message.do === 'give-up') this.#taking.get(message.lease)?.abort(new Error('it is not needed any more'))
    else if (message.do === 'disconnect') this.#leases.get(message.lease)?.disconnect()
    else if (message.do === 'shortage') this.#onShortage()
  }

  #use<T extends { key: string } | null>(kept: T): T {
    if (kept) this.used.set(kept.key, this.used.get(kept.key) ?? 0)
    return kept
  }

  async #take({ key, lease: id }: Requests['take'][0]): Promise<Requests['take'][1]> {
    const kept = this.#guests.get(key)
    if (!kept) throw new MayflyError('MAYFLY_ABORTED', 'machines of this guest are not kept any more')
    const taking = new AbortController()
    this.#taking.set(id, taking)
    this.used.set(key, (this.used.get(key) ?? 0) + 1)
    try {
      const lease = new Lease(id, assertConnected(await kept.pool.take(taking.signal), 'a lease'), (message) =>
        this.tell(message),
      )
      this.#leases.set(id, lease)
      if (taking.signal.aborted || this.#ended) {
        await this.#end(id)
        throw new MayflyError('MAYFLY_ABORTED', 'the machine was given up while it was taken')
      }
      return lease.data
    } finally {
      this.#taking.delete(id)
    }
  }

  async #end(id: string): Promise<void> {
    await this.#leases.get(id)?.[Symbol.asyncDispose]()
    this.#leases.delete(id)
  }
}

function describe(error: unknown): ErrorData {
  if (!(error instanceof MayflyError)) {
    return { code: 'MAYFLY_ABORTED', message: messageOf(error), details: [], hint: undefined }
  }
  return { code: error.code, message: error.shortMessage, details: error.details, hint: error.hint }
}
