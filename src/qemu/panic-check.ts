import { delay, performance } from '../node-globals.js'
import type { QmpClient } from './qmp.js'
import { type VcpuSign, vcpuSigns } from './vcpu-signs.js'

/** The other processors go on until the panicking one has printed its stack. */
const STILL_STOPPING_MS = 1_000
/** Without a sign of life for so long, the words are true. */
const SILENT_MS = 3_000
/** Where an idle processor looks like a stopped one, only a running program is a sign of life. */
const SILENT_UNSURE_MS = 30_000
const FIRST_LOOK_MS = 20
const LOOK_MS = 100
/** Two streams of one QEMU: the event may be read before the words. */
const BEFORE_WORDS_MS = 500
const ANSWER_MS = 2_000

/**
 * Tells a kernel that has panicked from a program that prints the same words. A kernel that has panicked restarts the machine
 * (`panic=-1`), or loops: no processor runs a program again, none is idle, and none changes its address space.
 */
export class PanicCheck {
  readonly #qmp: QmpClient
  readonly #restartListeners = new Set<() => void>()
  #restartedAt = Number.NEGATIVE_INFINITY

  constructor(qmp: QmpClient) {
    this.#qmp = qmp
    qmp.onEvent(({ event, data }) => {
      const restarts = (event === 'SHUTDOWN' || event === 'RESET') && data?.reason === 'guest-reset'
      if (!restarts && event !== 'GUEST_PANICKED') return
      this.#restartedAt = performance.now()
      for (const listener of this.#restartListeners) listener()
    })
  }

  /** Whether the kernel has stopped. Call it when the words have come. */
  async confirm(): Promise<boolean> {
    if (performance.now() - this.#restartedAt < BEFORE_WORDS_MS) return true
    let restarted = false
    let onRestart = () => {}
    const restart = new Promise<void>((resolve) => {
      onRestart = () => {
        restarted = true
        resolve()
      }
    })
    this.#restartListeners.add(onRestart)
    try {
      const stopped = this.#watch(() => restarted)
      return await Promise.race([stopped, restart.then(() => true)])
    } finally {
      restarted = true
      this.#restartListeners.delete(onRestart)
    }
  }

  async #watch(over: () => boolean): Promise<boolean> {
    const words = performance.now()
    let last: readonly VcpuSign[] = []
    let signs = 0
    let silentMs = 0
    for (let pause = FIRST_LOOK_MS; !over(); pause = Math.min(2 * pause, LOOK_MS)) {
      await delay(pause, undefined, { ref: false })
      const now = await this.#look()
      // Its end, if it has ended, says more.
      if (now === 'gone') return false
      if (now === 'paused') continue
      const alive = now.some((vcpu, index) => isAlive(vcpu, last[index]))
      last = now
      silentMs = alive ? 0 : silentMs + pause
      if (alive && performance.now() - words > STILL_STOPPING_MS && ++signs > 1) return false
      if (silentMs >= (now.every(({ idleIsKnown }) => idleIsKnown) ? SILENT_MS : SILENT_UNSURE_MS)) return true
    }
    return true
  }

  async #look(): Promise<readonly VcpuSign[] | 'paused' | 'gone'> {
    try {
      const { running } = await this.#qmp.execute('query-status', undefined, ANSWER_MS)
      if (!running) return 'paused'
      const command = { 'command-line': 'info registers -a' }
      return vcpuSigns(await this.#qmp.execute('human-monitor-command', command, ANSWER_MS))
    } catch {
      return this.#qmp.closed ? 'gone' : 'paused'
    }
  }
}

function isAlive(now: VcpuSign, before: VcpuSign | undefined): boolean {
  if (now.program || now.idle) return true
  return before !== undefined && now.addressSpace !== before.addressSpace
}
