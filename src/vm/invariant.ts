import { within } from '../deadline.js'
import { GuestAssertionError, MayflyError, messageOf } from '../errors.js'
import { clearTimeout, performance, setTimeout } from '../node-globals.js'
import { type Duration, formatMilliseconds, toMilliseconds } from '../units.js'
import type { Commands } from './commands.js'
import { quietly, type TimelineEntry, type TimelineKind } from './timeline.js'

export interface InvariantOptions {
  /** From the end of one check to the next. Default `'250ms'`. */
  every?: Duration | undefined
}

/** It has broken when it throws, rejects, or gives `false`. */
type Check = () => unknown

const DEFAULT_EVERY = '250ms'
/** For the check at the end; where guests are emulated, more. */
const LAST_CHECK_MS = 2000
const STEPS: readonly TimelineKind[] = ['command', 'wait', 'transfer', 'power', 'checkpoint', 'screen']
const STEPS_SHOWN = 3

/** Something that must hold for as long as it is looked at. `using` stops that; `await using` checks it a last time as well. */
export class Invariant implements Disposable, AsyncDisposable {
  readonly name: string
  readonly #vm: Commands
  readonly #check: Check
  readonly #everyMs: number
  readonly #entry: TimelineEntry
  readonly #startedAt = performance.now()
  #heldAt: number | undefined
  #checks = 0
  #timer: NodeJS.Timeout | undefined
  #checking: Promise<void> | undefined
  #ending: Promise<void> | undefined
  #stopped = false
  #broken: GuestAssertionError | undefined

  constructor(vm: Commands, name: string, check: Check, { every = DEFAULT_EVERY }: InvariantOptions) {
    this.#everyMs = toMilliseconds(every, 'every')
    this.#vm = vm
    this.name = name
    this.#check = check
    this.#entry = vm.timeline.add('check', `invariant ${name}`)
    this.#again(0)
  }

  /** How often it was checked. */
  get checks(): number {
    return this.#checks
  }

  /** How it broke, if it has. */
  get broken(): GuestAssertionError | undefined {
    return this.#broken
  }

  /** Checks no more. */
  [Symbol.dispose](): void {
    if (this.#stopped) return
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#entry.durationMs = performance.now() - this.#startedAt
    this.#entry.result ??= `held, ${this.#checks} check${this.#checks === 1 ? '' : 's'}`
  }

  /**
   * Checks a last time, unless the machine is down, and then no more.
   * @throws GuestAssertionError MAYFLY_INVARIANT_BROKEN if it broke, now or before.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#last()
    await this.#ending
    if (this.#broken) throw this.#broken
  }

  async #last(): Promise<void> {
    clearTimeout(this.#timer)
    const limit = LAST_CHECK_MS * this.#vm.clone.prepared.harness.accelerator.timeoutScale
    const late = () => new Error(`the last check did not end within ${formatMilliseconds(limit)}`)
    const ended = Promise.resolve(this.#checking).then(() => this.#once())
    await within(ended, limit, late).catch((error) => {
      if (this.#vm.state === 'running') this.#break(error)
    })
    this[Symbol.dispose]()
  }

  #again(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#checking = this.#once().then(() => {
        if (!this.#stopped && !this.#ending) this.#again(this.#everyMs)
      })
    }, ms).unref()
  }

  /** Never rejects. Says nothing of a machine that is down, or went down or was replaced meanwhile. */
  async #once(): Promise<void> {
    const { state, life } = this.#vm
    if (state === 'destroyed') this[Symbol.dispose]()
    if (this.#stopped || state !== 'running') return
    const { running } = life
    const counts = () =>
      this.#vm.state === 'running' && life.running === running && !life.witness.asked && !this.#stopped
    try {
      // Its commands are no steps of the test.
      const held = await quietly(async () => await this.#check())
      if (!counts()) return
      this.#checks++
      if (held === false) this.#break(new Error('it is false'))
      else this.#heldAt = performance.now()
    } catch (error) {
      if (counts() && !couldNotLook(error)) this.#break(error)
    }
  }

  #break(error: unknown): void {
    if (this.#broken) return
    const now = performance.now()
    const steps = stepsBefore(this.#vm)
    const title = `${this.#vm.name}: invariant ${this.name} broke after ${formatMilliseconds(now - this.#startedAt)}`
    const held =
      this.#heldAt === undefined ? 'it never held' : `it held ${formatMilliseconds(now - this.#heldAt)} before`
    this.#broken = new GuestAssertionError('MAYFLY_INVARIANT_BROKEN', [title, ...steps.slice(0, 1)].join(', '), {
      details: [...messageOf(error).split('\n'), held, ...steps.slice(1).map((step) => `before that: ${step}`)],
      cause: error,
    })
    this[Symbol.dispose]()
    Object.assign(this.#entry, { failed: true, result: this.#broken.message })
    this.#vm.life.interrupt(this.#broken)
  }
}

/** The machine was replaced, or the way to it was lost: what the check would have seen, nobody knows. */
function couldNotLook(error: unknown): boolean {
  const codes = ['MAYFLY_VM_RESTORED', 'MAYFLY_SSH_FAILED', 'MAYFLY_QEMU_EXITED', 'MAYFLY_GUEST_DOWN']
  return error instanceof MayflyError && codes.includes(error.code)
}

/** The last steps of the test, the latest first: `40 ms after rm /run/x`. */
function stepsBefore({ timeline }: Commands): string[] {
  const now = performance.timeOrigin + performance.now()
  return timeline.entries
    .filter(({ kind }) => STEPS.includes(kind))
    .slice(-STEPS_SHOWN)
    .reverse()
    .map(({ at, durationMs, title }) => {
      const [line] = title.split('\n')
      return durationMs === undefined ? `during ${line}` : `${formatMilliseconds(now - at - durationMs)} after ${line}`
    })
}
