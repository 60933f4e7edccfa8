import type { Socket } from 'node:net'
import { hostMemory } from '../host/memory.js'
import { clearTimeout, performance, setTimeout } from '../node-globals.js'
import type { Harness } from '../session/harness.js'
import { KeptGuests } from './kept-guests.js'
import { firstLine } from './lines.js'
import type { Hello } from './protocol.js'
import { WorkerLine } from './worker-line.js'

/** After the last worker has gone its runner still reports, which a machine that is being made would slow down. */
const REST_MS = 150
/** Part of the host's memory below which nothing is kept for later. */
const SHORTAGE = 0.08

/** Keeps machines ready between the workers of a run that watches files: each worker dies with its test file. */
export class Keeper implements AsyncDisposable {
  readonly #guests: KeptGuests
  readonly #workers = new Set<WorkerLine>()
  /** How many machines of which guests each test file took when it last ran. */
  readonly #wanted = new Map<string, ReadonlyMap<string, number>>()
  readonly #sockets = new Set<Socket>()
  #resting: NodeJS.Timeout | undefined
  #quietSince = performance.now()

  constructor(harness: Harness) {
    const note = (line: string) => {
      for (const worker of this.#workers) worker.tell({ tell: 'note', line })
    }
    this.#guests = new KeptGuests(harness, note, () => this.#workers.size)
  }

  /** How long nobody has used it. */
  get quietMs(): number {
    return this.#workers.size > 0 ? 0 : performance.now() - this.#quietSince
  }

  async serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
    try {
      const hello = JSON.parse(await firstLine(socket)) as Hello
      if (hello.kind === 'worker') return this.#serveWorker(hello.file, socket)
      const lease = [...this.#workers].map((worker) => worker.lease(hello.lease)).find(Boolean)
      if (!lease) socket.destroy()
      else if (hello.kind === 'stream') lease.serveStream(hello.stream, socket)
      else lease.serveChannel(hello.request, socket)
    } catch {
      socket.destroy()
    }
  }

  /** Gives up what is kept for later, if memory is short. */
  yieldIfShort(): void {
    const { total, available } = hostMemory()
    if (available < SHORTAGE * total) this.#yield()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#resting)
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all([...this.#workers].map((worker) => worker[Symbol.asyncDispose]()))
    await this.#guests[Symbol.asyncDispose]()
  }

  #serveWorker(file: string, socket: Socket): void {
    clearTimeout(this.#resting)
    const worker = new WorkerLine(this.#guests, socket, () => this.#yield())
    this.#workers.add(worker)
    socket.once('close', () => {
      void worker[Symbol.asyncDispose]().finally(() => {
        this.#workers.delete(worker)
        this.#wanted.set(file, worker.used)
        this.#quietSince = performance.now()
        if (this.#workers.size === 0) this.#rest()
      })
    })
  }

  /** Nothing runs: machines of guests that no file wants any more go, and there is time to make others. */
  #rest(): void {
    clearTimeout(this.#resting)
    this.#resting = setTimeout(() => {
      const wanted = new Map<string, number>()
      for (const [key, count] of [...this.#wanted.values()].flatMap((counts) => [...counts])) {
        wanted.set(key, (wanted.get(key) ?? 0) + count)
      }
      void this.#guests.retain(new Set(wanted.keys()))
      // A run in which no test got as far as its machine does not mean that the next one needs none.
      for (const [key, count] of wanted) this.#guests.get(key)?.pool.expect(Math.max(1, count))
    }, REST_MS)
  }

  #yield(): void {
    for (const pool of this.#guests.pools) pool.yield()
  }
}
