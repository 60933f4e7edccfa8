import { within } from '../../deadline.js'
import { GuestAssertionError, MayflyError } from '../../errors.js'
import { AbortController, AbortSignal, delay } from '../../node-globals.js'
import { type Duration, formatMilliseconds, toMilliseconds } from '../../units.js'
import { Allowance } from '../allowance.js'
import type { Commands } from '../commands.js'
import type { TimelineEntry } from '../timeline.js'
import { comesBack, endOf } from './machine-end.js'

export interface WaitOptions {
  /** For all of the wait. Default `'1m'`; within a test never more than the test has. */
  timeout?: Duration | undefined
}

export interface LookOptions {
  /** Aborts when the look is not waited for any more. */
  signal: AbortSignal
}

/** What one look found: it has come true, or what there is instead, the gist first. */
export type Sight<T> = { met: T } | { seen: readonly string[] }

export interface Awaited<T> {
  /** What is waited for, after "waited in vain for". */
  title: string
  longestPauseMs: number
  look(options: LookOptions): Promise<Sight<T>>
  /** What a look that has not ended has seen so far. */
  unfinished?(): readonly string[]
  /** More evidence, when it was in vain. */
  explain?(options: LookOptions): Promise<readonly string[]>
}

const DEFAULT_TIMEOUT = '1m'
const FIRST_PAUSE_MS = 20
const HANGS_MS = 2000
/** A guest that is only slow ends its last look within this, or within twice what its others took, and then has time to explain. */
const SLOW_ANSWER_MS = 300
const SILENT_GRACE_MS = 100
/** The pause after a look, in terms of what the look took. */
const PAUSE_PER_LOOK = 2
/** For looks of Mayfly's own, which cost little. */
export const QUICK_PAUSE_MS = 100
/** For the commands of a user. */
export const SLOW_PAUSE_MS = 1000

export function allow(vm: Commands, { timeout = DEFAULT_TIMEOUT }: WaitOptions): Allowance {
  return new Allowance(toMilliseconds(timeout, 'timeout'), vm.family.timeLimit())
}

/** Looks again and again until it has come true. One deadline holds for all of it; the guest's end ends it at once. */
export async function until<T>(vm: Commands, awaited: Awaited<T>, options: WaitOptions): Promise<T> {
  const allowed = allow(vm, options)
  const stop = new AbortController()
  const wait = new Wait(vm, awaited, allowed, stop.signal)
  try {
    return await vm.timeline.during(
      'wait',
      awaited.title,
      (entry) => vm.life.watch(`waiting for ${awaited.title}`, () => wait.run(entry)),
      () => ({ result: wait.attempts }),
    )
  } finally {
    stop.abort()
  }
}

class Wait<T> {
  readonly #vm: Commands
  readonly #awaited: Awaited<T>
  readonly #allowed: Allowance
  readonly #signal: AbortSignal
  #attempts = 0
  #silent = false
  /** What the slowest look took that was answered. */
  #slowestMs = 0
  #seen: readonly string[] = []
  /** Why the last look could not be made. */
  #lost: MayflyError | undefined

  constructor(vm: Commands, awaited: Awaited<T>, allowed: Allowance, signal: AbortSignal) {
    this.#vm = vm
    this.#awaited = awaited
    this.#allowed = allowed
    this.#signal = signal
  }

  get attempts(): string {
    return `${this.#attempts} attempt${this.#attempts === 1 ? '' : 's'}`
  }

  async run(entry: TimelineEntry): Promise<T> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, this.#awaited.longestPauseMs)) {
      const before = this.#allowed.elapsedMs
      const sight = await this.#look()
      const took = this.#allowed.elapsedMs - before
      if ('met' in sight) return sight.met
      this.#seen = sight.seen
      entry.result = [this.attempts, ...sight.seen.slice(0, 1)].join('; ')
      // The last look begins early enough to end in time.
      const rest = this.#allowed.limitMs - this.#allowed.elapsedMs - took
      if (rest <= 0) throw await this.#late()
      // Looking must not keep the guest from its work, above all where it is emulated.
      const fair = Math.min(PAUSE_PER_LOOK * took, SLOW_PAUSE_MS)
      await this.#pause(Math.min(Math.max(pause, fair), rest))
    }
  }

  async #look(): Promise<Sight<T>> {
    this.#attempts++
    const before = this.#allowed.elapsedMs
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#signal])
    try {
      const tooLate = delay(this.#allowed.leftMs, undefined, { signal })
      const looking = this.#awaited.look({ signal })
      const sight = await Promise.race([looking, tooLate])
      if (!sight) {
        const tookMs = this.#allowed.elapsedMs - before
        const patienceMs = Math.min(Math.max(SLOW_ANSWER_MS, 2 * this.#slowestMs), HANGS_MS, this.#allowed.graceMs)
        const silent = delay(patienceMs, undefined, { signal })
        const answer = await Promise.race([looking.catch(() => undefined), silent])
        return this.#unfinished(tookMs, answer !== undefined)
      }
      this.#silent = false
      this.#slowestMs = Math.max(this.#slowestMs, this.#allowed.elapsedMs - before)
      this.#lost = undefined
      return sight
    } catch (error) {
      if (!(error instanceof MayflyError)) throw error
      if (error.code === 'MAYFLY_COMMAND_TIMEOUT') return this.#unfinished(this.#allowed.elapsedMs - before)
      if (!this.#mayComeBack(error)) {
        const seen = error instanceof GuestAssertionError ? [] : this.#seen
        throw error.withDetails([this.#after(), ...seen])
      }
      this.#lost = error
      return { seen: [`last: ${error.shortMessage}`] }
    } finally {
      over.abort()
    }
  }

  /** Of a look that is cut off by the deadline, which is news only if it is the first, or hangs. */
  #unfinished(tookMs: number, answered = false): { seen: readonly string[] } {
    this.#silent = !answered
    if (this.#seen.length > 0 && tookMs < HANGS_MS) return { seen: this.#seen }
    const seen = this.#awaited.unfinished?.() ?? ['the guest did not answer']
    return { seen: [...this.#seen, `last: not over after ${formatMilliseconds(tookMs)}`, ...seen] }
  }

  /** A server that restarts, or a guest that reboots, is not the end. */
  #mayComeBack({ code }: MayflyError): boolean {
    const { state } = this.#vm
    return (code === 'MAYFLY_SSH_FAILED' && state === 'running') || (code !== 'MAYFLY_VM_STATE' && state === 'booting')
  }

  /** @throws MayflyError as soon as the machine has ended. */
  async #pause(ms: number): Promise<void> {
    const { running } = this.#vm.life
    const { qemu } = running
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#signal])
    try {
      await Promise.race([delay(ms, undefined, { signal }), qemu.exited, qemu.console.failOnPanic(signal)])
    } finally {
      over.abort()
    }
    if (!qemu.exit || (await comesBack(this.#vm, running))) return
    const end = await endOf(this.#vm, running, `the wait for ${this.#awaited.title}`)
    throw end.withDetails([this.#after(), ...this.#seen])
  }

  #after(): string {
    const { elapsedMs, limitMs } = this.#allowed
    return `waited for ${this.#awaited.title} for ${formatMilliseconds(elapsedMs)} of ${formatMilliseconds(limitMs)}, ${this.attempts}`
  }

  async #late(): Promise<MayflyError> {
    const { name, state } = this.#vm
    const { elapsedMs, limitMs, reason, hint } = this.#allowed
    const gaveUp = `gave up after ${formatMilliseconds(elapsedMs)} of ${formatMilliseconds(limitMs)}, ${this.attempts}; the Vm is ${state}`
    const title = `${name}: waited in vain for ${this.#awaited.title}`
    // Not known to be otherwise than awaited: nobody could look.
    if (this.#lost) return this.#lost.withDetails([title, gaveUp, ...reason])
    const details = [gaveUp, ...reason, ...this.#seen, ...(await this.#explain())]
    return new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', title, { details, hint })
  }

  async #explain(): Promise<readonly string[]> {
    // A guest that did not answer the last look is not worth more of the caller's time.
    const patience = this.#silent ? SILENT_GRACE_MS : this.#allowed.graceMs
    const explaining = this.#awaited.explain?.({ signal: this.#signal }) ?? Promise.resolve([])
    return await within(explaining, patience, () => new Error('late')).catch(() => [])
  }
}
