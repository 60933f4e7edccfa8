import type { MayflyError } from '../errors.js'

/** What is under way on one QEMU, and ends at once, saying why, when another takes its place. */
export class InFlight {
  readonly #rejections = new Set<(error: unknown) => void>()
  #ended: MayflyError | undefined

  get ended(): boolean {
    return this.#ended !== undefined
  }

  /** Settles as `work` does, unless the end comes first. */
  run<T>(what: string, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const rejectWithWhat = (error: unknown) => reject((error as MayflyError).withDetails([`in flight: ${what}`]))
      work.then(resolve, reject).finally(() => this.#rejections.delete(rejectWithWhat))
      if (this.#ended) rejectWithWhat(this.#ended)
      else this.#rejections.add(rejectWithWhat)
    })
  }

  throwIfEnded(): void {
    if (this.#ended) throw this.#ended
  }

  /** Rejects all that is under way; what comes later goes on. */
  interrupt(reason: MayflyError): void {
    for (const reject of this.#rejections) reject(reason)
    this.#rejections.clear()
  }

  /** Rejects all that is under way, and what comes. */
  end(reason: MayflyError): void {
    this.#ended = reason
    this.interrupt(reason)
  }
}
