import { GuestAssertionError } from '../../errors.js'
import { shownJson } from '../../shown-text.js'
import type { Commands } from '../commands.js'
import type { Timeline } from '../timeline.js'
import type { LookOptions } from './records.js'

/** What was seen of a resource at one moment. */
export interface Sight<State> {
  state: State
  /** Lines that explain it, if they were asked for. */
  evidence: readonly string[]
}

/** Something of a guest that a test asks about. Making one does nothing; each question is one round trip. */
export abstract class Resource<State = unknown> {
  abstract readonly kind: string
  readonly name: string
  // Private to the language, so that a diff that prints a resource does not print the whole machine.
  readonly #vm: Commands

  constructor(vm: Commands, name: string) {
    this.#vm = vm
    this.name = name
  }

  /** `service nginx`, for people. */
  get title(): string {
    return `${this.kind} ${/^[^\p{C}]+$/u.test(this.name) ? this.name : shownJson(this.name)}`
  }

  /** All that is known about it, in one round trip. */
  async state(): Promise<State> {
    return (await this.look()).state
  }

  /** @internal */
  abstract look(options?: LookOptions): Promise<Sight<State>>

  /** What it is like, as the end of a sentence that starts with the resource: `is inactive (dead)`. @internal */
  abstract describe(state: State): string

  /** @internal */
  get vm(): Commands {
    return this.#vm
  }

  /** @internal */
  get timeline(): Timeline {
    return this.#vm.timeline
  }
}

/** A resource that may not be there, which is a state and no error. */
export abstract class NamedResource<State extends { exists: boolean }> extends Resource<State> {
  async exists(): Promise<boolean> {
    return (await this.state()).exists
  }

  /**
   * The state of one that must be there, for its values.
   * @throws GuestAssertionError MAYFLY_RESOURCE_MISSING with what is there instead.
   */
  protected async existing(): Promise<State> {
    const { state, evidence } = await this.look({ evidence: true })
    if (state.exists) return state
    throw new GuestAssertionError('MAYFLY_RESOURCE_MISSING', `${this.vm.name}: ${this.title} ${this.describe(state)}`, {
      details: evidence,
    })
  }
}
