import { MayflyError } from '../errors.js'
import type { LostMachine, TestMachine } from '../evidence/machine.js'
import type { Guest } from '../guest/spec.js'
import { detectAccelerator } from '../host/accelerator.js'
import { Admission } from '../host/admission.js'
import { AbortController, AbortSignal } from '../node-globals.js'
import { wreckOf } from '../snapshot/wreck.js'
import type { TimeLimit } from '../vm/allowance.js'
import { type LaunchOptions, launch } from '../vm/launch.js'
import type { Vm } from '../vm/vm.js'
import type { VmPool } from '../vm/vm-pool.js'
import { tryAgain } from './infra-retry.js'

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
  /** Whether it waits for the cores. Only tests take turns: a machine that serves a whole file would make them wait for ever. */
  takesTurns: boolean
  /** Where ready ones are. */
  pools?: ReadonlyMap<Guest, VmPool> | undefined
  /** The time of the test that uses them, if that is known at the moment. */
  timeLimit: () => TimeLimit | undefined
  /** How often a launch is tried again that fails for the harness's sake: vitest runs no fixture twice. */
  retries: number
  /** Told each time. */
  onRetry?: ((error: Error) => void) | undefined
}

/**
 * The machines of one test, file or worker, and the one place that ends them.
 * It is complete before the first machine starts, so its end runs even when a machine's fixture never finished.
 */
export class Tenancy {
  readonly #options: TenancyOptions
  readonly #ending = new AbortController()
  readonly #launches = new Set<Promise<Vm>>()
  readonly #machines: TestMachine[] = []
  readonly #lost: LostMachine[] = []
  #admitted: Promise<void> | undefined
  #share: Disposable | undefined

  constructor(options: TenancyOptions) {
    this.#options = options
  }

  /** Those that came up, and their forks, whatever has become of them. */
  get machines(): readonly TestMachine[] {
    return this.#machines.flatMap(({ name, vm }) => {
      const forks = vm.family.members.filter((member) => member !== vm)
      return [{ name, vm }, ...forks.map((fork, index) => ({ name: `${name}-fork-${index + 1}`, vm: fork }))]
    })
  }

  /** Those that did not come up. */
  get lost(): readonly LostMachine[] {
    return this.#lost
  }

  /** A machine that ends with this tenancy. */
  async launch(name: string, guest: Guest): Promise<Vm> {
    if (this.#ending.signal.aborted)
      throw new MayflyError('MAYFLY_ABORTED', `${guest.name} was asked for after its test had ended`)
    const launching = this.#admit().then(() => this.#launch(guest))
    this.#launches.add(launching)
    try {
      const vm = await launching
      tenants.add(vm.family)
      vm.family.timeLimit = this.#options.timeLimit
      this.#machines.push({ name, vm })
      return vm
    } catch (error) {
      const accelerator = detectAccelerator().kind
      this.#lost.push({ name, guest: guest.name, accelerator, error, wreck: wreckOf(error) })
      throw error
    }
  }

  /** Waits for the cores, once. */
  #admit(): Promise<void> {
    if (!this.#options.takesTurns) return Promise.resolve()
    this.#admitted ??= (async () => {
      cores ??= new Admission({ memoryBytes: Number.POSITIVE_INFINITY })
      const cpus = this.#options.guests.reduce((sum, guest) => sum + guest.cpus, 0)
      this.#share = await cores.acquire({ memoryBytes: 0, cpus, signal: this.#signal() })
      if (this.#ending.signal.aborted) this.#share[Symbol.dispose]()
    })()
    return this.#admitted
  }

  #launch(guest: Guest): Promise<Vm> {
    const { pools, retries, onRetry, ...options } = this.#options
    const signal = this.#signal()
    const once = () => pools?.get(guest)?.take({ signal }) ?? launch(guest, { ...options, signal })
    return tryAgain(once, { most: retries, onRetry, signal })
  }

  /** Ends the launches that are under way, and waits for that; machines that are up go on. */
  async stop(): Promise<void> {
    this.#ending.abort(new Error('the test has ended'))
    await Promise.allSettled(this.#launches)
  }

  /** Destroys every machine and what was forked from it, also those that are still starting, and gives the cores back. */
  async end(): Promise<void> {
    await this.stop()
    const ends = (await Promise.all(this.#machines.map(({ vm }) => vm.family.destroy()))).flat()
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
