import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { type Keeping, KeptMachines } from '../keeper/kept-machines.js'
import { assertConnectable } from '../network/bridge.js'
import { toNodeSignal } from '../node-globals.js'
import { Pool } from '../snapshot/pool.js'
import { prepare } from '../snapshot/prepare.js'
import type { PristineOptions } from '../snapshot/pristine.js'
import { Vm } from './vm.js'

export interface PoolOptions extends PristineOptions {
  /** Most machines that are kept ready. Default: twice the cores, as far as memory lasts. */
  most?: number | undefined
}

/** Machines of one guest that are resumed and logged in to before they are asked for, then stopped: `take` only lets one go on. */
export class VmPool implements AsyncDisposable {
  readonly #guest: Guest
  readonly #options: PoolOptions
  readonly #pool: Pool | KeptMachines

  /** @param keeping where machines are kept that are to outlive this process; without it, it keeps its own. */
  constructor(guest: Guest, options: PoolOptions = {}, keeping?: Keeping) {
    const { most } = options
    if (most !== undefined && !(Number.isInteger(most) && most >= 1)) {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `a pool cannot keep ${most} machines`, {
        hint: '`most` is a whole number of at least 1.',
      })
    }
    this.#guest = guest
    this.#options = options
    this.#pool =
      keeping && guest.network.mode !== 'none' ? new KeptMachines(guest, options, keeping) : new Pool(guest, options)
  }

  /** Builds the image and seals the template, unless they are there. */
  async prepare(): Promise<void> {
    await assertConnectable(this.#guest)
    await (this.#pool instanceof KeptMachines ? this.#pool.prepare() : prepare(this.#guest, this.#options))
  }

  /** Machines that can be had without waiting. */
  get ready(): number {
    return this.#pool.ready
  }

  /** How many more machines will be asked for, as far as is known: no more than that are made. */
  expect(count: number): void {
    this.#pool.expect(count)
  }

  /**
   * A pristine machine, at once if one is ready. It is whoever's who takes it: destroy it.
   * @throws as `launch`.
   */
  async take(options: { signal?: AbortSignal | undefined } = {}): Promise<Vm> {
    return new Vm(await this.#pool.take(toNodeSignal(options.signal)))
  }

  /** Ends every machine that nobody took. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool[Symbol.asyncDispose]()
  }
}
