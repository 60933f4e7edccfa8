import type { Guest } from '../guest/spec.js'
import type { AcceleratorKind } from '../host/accelerator.js'
import type { Clone } from '../snapshot/clone.js'
import type { LaunchTimings } from '../snapshot/timings.js'
import type { Family } from './family.js'
import { Life } from './life.js'
import { Timeline } from './timeline.js'
import type { VmState } from './wrong-state.js'

/** What the groups of a Vm's members stand on: which machine it is, its life, and what is written down of it. */
export abstract class VmBase {
  readonly id: string
  readonly guest: Guest
  readonly accelerator: AcceleratorKind
  /** @internal */
  abstract readonly family: Family
  /** @internal */
  readonly timeline = new Timeline()
  /** @internal */
  readonly clone: Clone
  /** @internal */
  readonly life: Life

  constructor(clone: Clone) {
    const { harness, guest } = clone.prepared
    this.id = clone.place.id
    this.guest = guest
    this.accelerator = harness.accelerator.kind
    this.clone = clone
    this.life = new Life(clone, this.timeline)
  }

  get name(): string {
    return this.guest.name
  }

  get state(): VmState {
    return this.life.state
  }

  /** Where the time of its launch went. */
  get timings(): Readonly<LaunchTimings> {
    return this.clone.timings
  }
}
