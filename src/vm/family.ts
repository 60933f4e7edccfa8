import { MayflyError } from '../errors.js'
import { AbortController } from '../node-globals.js'
import type { TimeLimit } from './allowance.js'
import type { Vm } from './vm.js'

/** A launched machine and all that was forked from it, or from its forks. Each lives for itself; whoever owns the first can end them all. */
export class Family {
  /** The time that whoever uses them has, if that is known at the moment: a test's. */
  timeLimit: () => TimeLimit | undefined = () => undefined
  readonly #members = new Set<Vm>()
  readonly #births = new Set<Promise<unknown>>()
  readonly #ending = new AbortController()

  get members(): readonly Vm[] {
    return [...this.#members]
  }

  add(vm: Vm): void {
    this.#members.add(vm)
  }

  delete(vm: Vm): void {
    this.#members.delete(vm)
  }

  /** Runs `make`, which starts machines, and whose signal aborts when the family ends. */
  async bear<T>(make: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.#ending
    if (signal.aborted) throw new MayflyError('MAYFLY_ABORTED', 'a fork was asked for after its test had ended')
    const birth = make(signal)
    this.#births.add(birth)
    try {
      return await birth
    } finally {
      this.#births.delete(birth)
    }
  }

  /** Destroys every machine, also those that are still starting. */
  async destroy(): Promise<PromiseSettledResult<void>[]> {
    this.#ending.abort(new Error('the test has ended'))
    await Promise.allSettled(this.#births)
    return await Promise.allSettled([...this.#members].map((vm) => vm.destroy()))
  }
}
