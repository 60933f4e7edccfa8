import { availableParallelism } from 'node:os'
import { MayflyError } from '../errors.js'
import { formatBytes } from '../units.js'
import { assertMemoryFits, memoryBudget } from './memory.js'

export interface AdmissionRequest {
  memoryBytes: number
  cpus: number
  /** Aborts the wait; what is admitted already stays admitted. */
  signal?: AbortSignal | undefined
}

export interface AdmissionOptions {
  /** Bytes for all guests of this process; default: `memoryBudget()`. */
  memoryBytes?: number
  /** vCPUs in flight; default: twice the cores, at least 2. */
  cpus?: number
}

interface Waiter {
  request: AdmissionRequest
  admit(): void
}

/**
 * Bounds the Vms that run at once in this process, by memory and by vCPUs. First come, first served: a large
 * request at the head holds back smaller ones behind it, so it cannot starve.
 * Processes do not see each other yet; that would go into `#fits`, as a sum over the session directories.
 */
export class Admission {
  readonly memoryBytes: number
  readonly cpus: number
  readonly #queue: Waiter[] = []
  readonly #reclaimers = new Set<() => void>()
  #memoryInUse = 0
  #cpusInUse = 0
  #running = 0

  constructor(options: AdmissionOptions = {}) {
    this.memoryBytes = options.memoryBytes ?? memoryBudget()
    this.cpus = options.cpus ?? Math.max(2, 2 * availableParallelism())
  }

  /** What runs and what waits now. */
  get usage(): { running: number; waiting: number; memoryBytes: number; cpus: number } {
    return {
      running: this.#running,
      waiting: this.#queue.length,
      memoryBytes: this.#memoryInUse,
      cpus: this.#cpusInUse,
    }
  }

  /**
   * Resolves when the Vm may start, with what gives its share back (more than once is harmless). A request above
   * the whole budget runs alone.
   * @throws MayflyError MAYFLY_HOST_MEMORY if the host can never hold it, MAYFLY_ABORTED if `signal` aborts the wait.
   */
  async acquire(request: AdmissionRequest): Promise<Disposable> {
    assertMemoryFits(request.memoryBytes)
    const { signal } = request
    if (signal?.aborted) throw this.#aborted(request)
    if (this.#queue.length > 0 || !this.#fits(request)) await this.#wait(request)
    else this.#take(request)
    return this.#release(request)
  }

  /** Whether a request would be admitted at once. */
  hasRoomFor(request: AdmissionRequest): boolean {
    return this.#queue.length === 0 && this.#fits(request)
  }

  /** Calls `reclaim` whenever a request has to wait, until the result is disposed of: it gives up what is not needed now. */
  onShortage(reclaim: () => void): Disposable {
    this.#reclaimers.add(reclaim)
    return { [Symbol.dispose]: () => void this.#reclaimers.delete(reclaim) }
  }

  #wait(request: AdmissionRequest): Promise<void> {
    const { signal } = request
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        request,
        admit: () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        },
      }
      const abort = () => {
        const error = this.#aborted(request)
        this.#queue.splice(this.#queue.indexOf(waiter), 1)
        // The head may have been what held back the rest.
        this.#admitWaiting()
        reject(error)
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#queue.push(waiter)
      for (const reclaim of this.#reclaimers) reclaim()
    })
  }

  #release(request: AdmissionRequest): Disposable {
    let released = false
    return {
      [Symbol.dispose]: () => {
        if (released) return
        released = true
        this.#running--
        this.#memoryInUse -= request.memoryBytes
        this.#cpusInUse -= request.cpus
        this.#admitWaiting()
      },
    }
  }

  #admitWaiting(): void {
    for (let head = this.#queue[0]; head && this.#fits(head.request); head = this.#queue[0]) {
      this.#queue.shift()
      // Taken here and not after the wake-up, or two waiters could both see the same room.
      this.#take(head.request)
      head.admit()
    }
  }

  #take(request: AdmissionRequest): void {
    this.#running++
    this.#memoryInUse += request.memoryBytes
    this.#cpusInUse += request.cpus
  }

  #fits({ memoryBytes, cpus }: AdmissionRequest): boolean {
    if (this.#running === 0) return true
    return this.#memoryInUse + memoryBytes <= this.memoryBytes && this.#cpusInUse + cpus <= this.cpus
  }

  #aborted({ memoryBytes, cpus, signal }: AdmissionRequest): MayflyError {
    const budget = `${formatBytes(this.memoryBytes)} and ${this.cpus} vCPUs`
    return new MayflyError('MAYFLY_ABORTED', 'The wait for room to run a guest was aborted', {
      details: [
        `wanted: ${formatBytes(memoryBytes)} and ${cpus} vCPUs, of a budget of ${budget}`,
        `in use by ${this.#running} guests: ${formatBytes(this.#memoryInUse)} and ${this.#cpusInUse} vCPUs`,
      ],
      hint: 'Run fewer tests at once, or raise MAYFLY_MEMORY_BUDGET.',
      cause: signal?.reason,
    })
  }
}

let machines: Admission | undefined

/** The machines of one process share the host's memory, and ask for no vCPUs: those are the fixtures' business, who know what runs together. */
export function machineAdmission(): Admission {
  machines ??= new Admission()
  return machines
}
