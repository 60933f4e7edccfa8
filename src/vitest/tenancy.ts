import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { Admission } from '../host/admission.js'
import { type LaunchOptions, launch } from '../vm/launch.js'
import type { Vm } from '../vm/vm.js'
import type { VmPool } from '../vm/vm-pool.js'

/** Tests of one worker share its cores. Memory is `launch`'s business. */
let cores: Admission | undefined

/** Vms that some tenancy will end, and their forks: the rest are the test's own. */
const tenants = new WeakSet<object>()

export function isTenant(vm: Vm): boolean {
  return tenants.has(vm.family)
}

export interface TenancyOptions extends LaunchOptions {
  /** What may be launched: their vCPUs are asked for at once, so that two tests never wait for each other's half. */
  guests: readonly Guest[]
  /** Where ready ones are. */
  pools?: ReadonlyMap<Guest, VmPool> | undefined
}

/**
 * The machines of one test, file or worker, and the one place that ends them.
 * It is complete before the first machine starts, so its end runs even when a machine's fixture never finished.
 */
export class Tenancy {
  readonly #options: TenancyOptions
  readonly #ending = new AbortController()
  readonly #launches = new Set<Promise<Vm>>()
  #share: Disposable | undefined

  constructor(options: TenancyOptions) {
    this.#options = options
  }

  /** Waits for the cores. Only tests take turns: a machine that serves a whole file would make them wait for ever. */
  async admit(): Promise<void> {
    cores ??= new Admission({ memoryBytes: Number.POSITIVE_INFINITY })
    const cpus = this.#options.guests.reduce((sum, guest) => sum + guest.cpus, 0)
    this.#share = await cores.acquire({ memoryBytes: 0, cpus, signal: this.#signal() })
    if (this.#ending.signal.aborted) this.#share[Symbol.dispose]()
  }

  /** A machine that ends with this tenancy. */
  async launch(guest: Guest): Promise<Vm> {
    if (this.#ending.signal.aborted)
      throw new MayflyError('MAYFLY_ABORTED', `${guest.name} was asked for after its test had ended`)
    const { pools, ...options } = this.#options
    const signal = this.#signal()
    const launching = pools?.get(guest)?.take({ signal }) ?? launch(guest, { ...options, signal })
    this.#launches.add(launching)
    const vm = await launching
    tenants.add(vm.family)
    return vm
  }

  /** Destroys every machine and what was forked from it, also those that are still starting, and gives the cores back. */
  async end(): Promise<void> {
    this.#ending.abort(new Error('the test has ended'))
    const settled = await Promise.allSettled(this.#launches)
    const vms = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const ends = (await Promise.all(vms.map((vm) => vm.family.destroy()))).flat()
    this.#share?.[Symbol.dispose]()
    const failures = ends.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    // A throwing clean-up would keep vitest from running the others of its scope, but hiding it would hide a leak.
    if (failures.length > 0) throw new AggregateError(failures, 'a machine could not be destroyed')
  }

  #signal(): AbortSignal {
    const { signal } = this.#options
    return signal ? AbortSignal.any([signal, this.#ending.signal]) : this.#ending.signal
  }
}
