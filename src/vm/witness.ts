import type { QemuProcess } from '../qemu/process.js'
import type { Running } from '../snapshot/running.js'
import type { Timeline } from './timeline.js'

export interface WitnessOptions {
  running: Running
  timeline: Timeline
  /** Whether we ended it. */
  isOver: () => boolean
  onPanic: () => void
  /** @param unasked neither we nor anything that we asked the guest for brought it about. */
  onExit: (ending: Ending, unasked: boolean) => void
}

/** How a QEMU ended: by what the guest did (`reset`, `poweroff`), or by itself, which is the harness's or the host's doing. */
export type Ending = 'reset' | 'poweroff' | 'died'

export const ENDINGS: Record<Ending, string> = {
  reset: 'the guest reset itself',
  poweroff: 'the guest powered itself off',
  died: 'QEMU ended by itself',
}

/** Watches one QEMU of a machine, and writes down what it does without having been asked. */
export class Witness {
  readonly qemu: QemuProcess
  /** Whether the guest was asked to go down. */
  asked = false
  #shutdown: string | undefined
  #died = false

  constructor({ running, timeline, isOver, onPanic, onExit }: WitnessOptions) {
    const { qemu } = running
    this.qemu = qemu
    qemu.qmp.onEvent(({ event, data }) => {
      if (event === 'SHUTDOWN') this.#shutdown = String(data?.reason)
    })
    qemu.console.watch((chunk) => timeline.console(chunk))
    qemu.console.onPanic((words, confirmed) => {
      if (confirmed) {
        timeline.add('note', words, { failed: true })
        onPanic()
      } else timeline.addFalsePanic(words)
    })
    void qemu.exited.then(({ code, signal }) => {
      const ending = this.ending!
      const ours = isOver() || (this.asked && ending !== 'died')
      this.#died = ending === 'died' && !ours
      if (this.#died) {
        timeline.add('note', `${ENDINGS.died} (${signal ?? `exit code ${code}`})`, { failed: true })
      } else if (!ours && qemu.console.panic === undefined) timeline.add('note', ENDINGS[ending])
      onExit(ending, !ours)
    })
  }

  /** Whether it ended, and neither we nor the guest brought that about. */
  get died(): boolean {
    return this.#died
  }

  /** Undefined while it runs. Why QEMU shuts down, in its own words, comes as an event before its exit. */
  get ending(): Ending | undefined {
    if (!this.qemu.exit) return undefined
    if (this.#shutdown === 'guest-reset') return 'reset'
    return this.#shutdown === 'guest-shutdown' ? 'poweroff' : 'died'
  }
}
