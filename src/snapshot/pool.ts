import { availableParallelism } from 'node:os'
import { messageOf } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { machineAdmission } from '../host/admission.js'
import { hostMemory } from '../host/memory.js'
import { openHarness } from '../session/harness.js'
import { listSessions } from '../session/sweep.js'
import type { Clone } from './clone.js'
import { Member } from './member.js'
import { type PristineOptions, pristine } from './pristine.js'

export interface PoolOptions extends Omit<PristineOptions, 'signal'> {
  /** How one is made. Default: `pristine`. */
  make?: ((signal: AbortSignal | undefined) => Promise<Clone>) | undefined
  /** How many of the sessions there are have no machines of their own, but these. Default: none. */
  borrowers?: (() => number) | undefined
  /** Most machines that are kept ready. Default: twice the cores, as far as memory lasts. */
  most?: number | undefined
}

/** Part of the host's memory that is left to others when machines are made in advance. */
const RESERVE = 0.15

/** What this process's pools do: vCPUs of machines that were taken, and machines that are being made in advance. */
const active = { cpus: 0, fills: 0 }
const pools = new Set<Pool>()

/**
 * Machines of one guest that are ready before they are asked for.
 *
 * It keeps no more than are still expected to be asked for, and one more each time that it was short of one: a slow suite
 * needs one. Making them yields to whoever uses one: it goes on only while fewer vCPUs are busy than this process's share
 * of the cores.
 */
export class Pool implements AsyncDisposable {
  readonly #guest: Guest
  readonly #options: PoolOptions
  readonly #most: number
  readonly #make: (signal: AbortSignal | undefined) => Promise<Clone>
  readonly #members = new Set<Member>()
  readonly #ends = new Set<Promise<void>>()
  readonly #shortage: Disposable
  #closed = false
  #expected = 0
  #depth = 1
  #filling = false

  constructor(guest: Guest, options: PoolOptions = {}) {
    this.#guest = guest
    this.#options = options
    this.#make = options.make ?? ((signal) => pristine(guest, { ...options, signal }))
    this.#most = options.most ?? 2 * availableParallelism()
    this.#shortage = machineAdmission().onShortage(() => this.#drop())
    pools.add(this)
  }

  /** Machines that can be had without waiting. */
  get ready(): number {
    return [...this.#members].filter((member) => member.ready).length
  }

  /** How many more machines will be asked for, as far as is known. */
  expect(count: number): void {
    this.#expected = count
    void this.#refill()
  }

  /**
   * A pristine machine: a ready one, else the one that is being made, else a new one. It belongs to whoever takes it.
   * One that died, or does not wake up, is replaced.
   */
  async take(signal?: AbortSignal): Promise<Clone> {
    if (this.ready === 0) this.#depth = Math.min(this.#most, this.#depth + 1)
    active.cpus += this.#guest.cpus
    let left = false
    const leave = () => {
      if (left) return
      left = true
      active.cpus -= this.#guest.cpus
      for (const pool of pools) void pool.#refill()
    }
    try {
      const clone = await this.#takeMember(signal)
      this.#expected = Math.max(0, this.#expected - 1)
      void this.#refill()
      const end = async () => {
        try {
          await clone[Symbol.asyncDispose]()
        } finally {
          leave()
        }
      }
      return { ...clone, [Symbol.asyncDispose]: end }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Gives up what nobody took, and makes more only when it is asked for. */
  yield(): void {
    this.#expected = 0
    this.#drop()
  }

  /** Ends every machine that nobody took. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#shortage[Symbol.dispose]()
    pools.delete(this)
    this.#drop()
    await Promise.all(this.#ends)
  }

  async #takeMember(signal: AbortSignal | undefined): Promise<Clone> {
    for (;;) {
      const member = [...this.#members].find(({ ready }) => ready) ?? [...this.#members][0]
      if (!member) return await this.#make(signal)
      this.#members.delete(member)
      try {
        return await member.take(signal)
      } catch (error) {
        if (signal?.aborted) throw error
        this.#note(`a pooled ${this.#guest.name} was replaced: ${messageOf(error)}`)
      }
    }
  }

  /** Makes one after the other, while there is need and room. */
  async #refill(): Promise<void> {
    if (this.#filling) return
    this.#filling = true
    try {
      // What keeps this host from running any is for whoever asks for one to hear.
      const hasRoom = () => this.#hasRoom().catch(() => false)
      while (this.#isShort() && (await hasRoom()) && this.#isShort()) {
        active.fills++
        const member = new Member(this.#make, (reason) => this.#onDeath(member, reason))
        this.#members.add(member)
        await member.settled().finally(() => active.fills--)
        // Why it could not be made is for whoever asks for one to hear; until then nothing is tried again.
        if (this.#members.has(member) && !member.ready) {
          this.#members.delete(member)
          return
        }
      }
    } finally {
      this.#filling = false
    }
  }

  #isShort(): boolean {
    return !this.#closed && this.#members.size < Math.min(this.#expected, this.#depth, this.#most)
  }

  async #hasRoom(): Promise<boolean> {
    const { memoryBytes } = this.#guest
    const { total, available } = hostMemory()
    if (available - memoryBytes < RESERVE * total || !machineAdmission().hasRoomFor({ memoryBytes, cpus: 0 }))
      return false
    const { store } = await openHarness(this.#options.cacheDir)
    // Each worker of a suite has a session.
    const sessions = (await listSessions(store)).length - (this.#options.borrowers?.() ?? 0)
    const cores = Math.max(1, Math.floor(availableParallelism() / Math.max(1, sessions)))
    return active.cpus + active.fills < cores
  }

  #onDeath(member: Member, reason: unknown): void {
    if (!this.#members.delete(member)) return
    this.#note(`a pooled ${this.#guest.name} died and is replaced: ${messageOf(reason)}`)
    void this.#refill()
  }

  /** Gives up what is only kept in advance. */
  #drop(): void {
    for (const member of this.#members) {
      const ending = member[Symbol.asyncDispose]().finally(() => this.#ends.delete(ending))
      this.#ends.add(ending)
    }
    this.#members.clear()
  }

  #note(line: string): void {
    this.#options.progress?.note(line)
  }
}
