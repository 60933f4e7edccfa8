import { type Bounds, bounded, UNBOUNDED, within } from '../deadline.js'
import { MayflyError, messageOf } from '../errors.js'
import { AbortController, performance } from '../node-globals.js'
import type { Checkpoint } from '../snapshot/checkpoint.js'
import { type Clone, logIn } from '../snapshot/clone.js'
import type { FreezeMethod } from '../snapshot/freeze-method.js'
import type { Networked, SshAddress } from '../snapshot/join-network.js'
import type { Running } from '../snapshot/running.js'
import { isFixedOverSsh, setRight, setRightOverSsh } from '../snapshot/set-right.js'
import { takeCheckpoint } from '../snapshot/take-checkpoint.js'
import type { SshConnection } from '../ssh/connection.js'
import type { SshTarget } from '../ssh/handshake.js'
import { assertPort } from './forwards.js'
import { InFlight } from './in-flight.js'
import { explainLost } from './lost-connection.js'
import { Reach } from './reach.js'
import type { Timeline } from './timeline.js'
import { Turns } from './turns.js'
import { type Ending, Witness } from './witness.js'
import { notReady, stillUp, type VmState, wrongState } from './wrong-state.js'

/** One machine through its starts and stops: the QEMU process of the moment, the one SSH connection, the state. */
export class Life {
  readonly #clone: Clone
  readonly #name: string
  readonly #reach: Reach
  #running: Networked
  #state: VmState = 'running'
  #restart: Promise<void> | undefined
  witness!: Witness
  /** How its QEMUs have ended that nobody asked to. */
  readonly unasked = new Set<Ending>()
  #crashReason: string | undefined
  #inFlight = new InFlight()
  /** What changes the machine's power, or needs it not to change. A power cut at the end waits for nobody. */
  readonly #turns = new Turns()
  readonly #timeline: Timeline

  constructor(clone: Clone, timeline: Timeline) {
    this.#clone = clone
    this.#timeline = timeline
    this.#name = clone.prepared.guest.name
    this.#running = clone
    this.#reach = new Reach(clone)
    this.#observe(clone)
  }

  get state(): VmState {
    return this.#state
  }

  get running(): Running {
    return this.#running
  }

  /** @throws MayflyError MAYFLY_NO_NETWORK */
  get target(): SshTarget {
    return this.#reach.target
  }

  /** Loopback ports that lead to the guest, by its own: none on a bridge, where it has an address, nor without a network. */
  get hostPorts(): ReadonlyMap<number, number> {
    return this.#reach.hostPorts(this.#running.card)
  }

  /**
   * Runs `work` on the open connection, made again if it is gone; ends at once, saying why, if the machine dies meanwhile.
   * @param bounds hold for the time until `work` begins.
   */
  async use<T>(
    what: string,
    work: (connection: SshConnection) => Promise<T>,
    bounds: () => Bounds = () => UNBOUNDED,
  ): Promise<T> {
    if (this.#restart) await bounded(this.#restart, bounds())
    this.#assertState('running', what)
    this.#reach.assertNetwork(what)
    const witness = this.witness
    const inFlight = this.#inFlight
    const settled = new AbortController()
    const working = bounded(this.connect(), bounds()).then((connection) => {
      inFlight.throwIfEnded()
      return work(connection)
    })
    try {
      return await inFlight.run(what, Promise.race([working, witness.qemu.console.failOnPanic(settled.signal)]))
    } catch (error) {
      working.catch(() => {})
      throw await explainLost(error, witness, { name: this.#name, state: this.#state, what })
    } finally {
      settled.abort()
    }
  }

  /** Waits for something of the QEMU of the moment. */
  watch<T>(what: string, work: (running: Running) => Promise<T>): Promise<T> {
    return this.#inFlight.run(what, work(this.#running))
  }

  /** Rejects what is in flight; the machine goes on. */
  interrupt(reason: MayflyError): void {
    this.#inFlight.interrupt(reason)
  }

  /** The open connection, or a new one. */
  connect(): Promise<SshConnection> {
    return this.#reach.connect(() => this.#running)
  }

  suspend(): Promise<void> {
    return this.#turns.take(async () => {
      this.#assertState('running', 'suspend')
      await this.#running.qemu.qmp.execute('stop')
      this.#state = 'suspended'
    })
  }

  /** Lets the vCPUs go on, with the host's time. */
  resume(): Promise<void> {
    return this.#turns.take(async () => {
      this.#assertState('suspended', 'resume')
      const { qemu, agent } = this.#running
      await qemu.qmp.execute('cont')
      this.#state = 'running'
      if (agent.present) await setRight(agent, qemu)
      else if (isFixedOverSsh(this.#clone.prepared.template)) await setRightOverSsh(await this.connect())
    })
  }

  /** Boots the machine from its own disk, with fresh memory. */
  start(): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#state !== 'stopped' && this.#state !== 'crashed') throw this.#wrongState('start')
      await this.#running.qemu.kill()
      await this.#boot()
    })
  }

  /** Freezes this moment; the machine goes on, or stays suspended. */
  checkpoint(label: string, method: FreezeMethod | undefined): Promise<Checkpoint> {
    return this.#turns.take(async () => {
      const suspended = this.#state === 'suspended'
      if (!suspended) this.#assertState('running', 'make a checkpoint')
      const { prepared, place } = this.#clone
      return await takeCheckpoint({ label, prepared, place, running: this.#running, suspended, method })
    })
  }

  /** Goes back to `checkpoint`, from any state but a boot and the end. What is in flight is rejected, what comes meanwhile waits. */
  restore(checkpoint: Checkpoint): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#state === 'booting' || this.#state === 'destroyed') throw this.#wrongState('restore')
      const { prepared, place } = this.#clone
      const frozen = checkpoint.frozenFor(prepared.template, this.#name)
      const { qemu } = this.#running
      const why = `${this.#name} was restored to the checkpoint ${checkpoint.label} meanwhile`
      this.#inFlight.end(new MayflyError('MAYFLY_VM_RESTORED', why))
      const coming = this.#comeUp(async () => {
        const dying = qemu.kill()
        const resumed = await place.resume(frozen).finally(() => dying)
        return { ...resumed, logIn: () => logIn(prepared, place, resumed) }
      })
      this.#restarting(coming)
      await coming
    })
  }

  /** Where a port of the guest can be reached. */
  async forwardPort(guestPort: number): Promise<SshAddress> {
    assertPort(guestPort)
    await this.#restart
    this.#assertAlive('forward a port')
    return await this.#reach.forward(this.#running, guestPort)
  }

  /** Power cut. */
  crash(): Promise<void> {
    return this.#turns.take(async () => {
      this.#assertAlive('crash')
      this.#state = 'crashed'
      this.#reach.disconnect()
      await this.#running.qemu.kill()
    })
  }

  /** Asks the guest by `command`, over SSH, to go down or to come up again, and waits until it has. */
  async leave(
    command: string,
    work: (connection: SshConnection) => Promise<unknown>,
    timeoutMs: number,
  ): Promise<void> {
    this.#assertState('running', command)
    this.#reach.assertNetwork(command)
    const { qemu } = this.#running
    const end = performance.now() + timeoutMs
    const late = (make: typeof stillUp) => () => make(this.#name, command, timeoutMs, qemu.console.tail())
    this.witness.asked = true
    // The connection ends before the command does, so its failure says nothing.
    this.connect()
      .then(work)
      .catch(() => {})
    await within(this.#inFlight.run(command, qemu.exited), timeoutMs, late(stillUp))
    if (this.#restart) await within(this.#restart, end - performance.now(), late(notReady))
  }

  /** Leaves the machine running, for whoever made it, with no connection of ours: nothing can be done through this any more. */
  async letGo(): Promise<void> {
    this.#state = 'destroyed'
    await this.#reach.close()
  }

  /** The end, from any state. Kills rather than shuts down: nothing of a clone is worth saving. */
  async destroy(): Promise<void> {
    this.#state = 'destroyed'
    this.#reach.disconnect()
    await this.#running.qemu.kill()
    await this.#restart?.catch(() => {})
    await this.#turns.idle()
    await this.#running.qemu.kill()
  }

  #observe(running: Running): void {
    const inFlight = this.#inFlight
    // Its end was ours, or is known, or another has taken its place.
    const isOver = () =>
      inFlight.ended || running !== this.#running || this.#state === 'destroyed' || this.#state === 'crashed'
    this.witness = new Witness({
      running,
      timeline: this.#timeline,
      isOver,
      onPanic: () => {
        if (this.#running === running && this.#state === 'running') this.#state = 'crashed'
      },
      onExit: (ending, unasked) => {
        if (unasked) this.unasked.add(ending)
        if (!isOver()) this.#onExit(ending)
      },
    })
  }

  /** A guest that resets ends its QEMU (see argv.ts): it comes up again in a new one. One that powers off stays off. */
  #onExit(ending: Ending): void {
    if (ending === 'reset') this.#restarting(this.#boot())
    else this.#state = ending === 'poweroff' ? 'stopped' : 'crashed'
  }

  /** Commands wait until `coming` has settled. */
  #restarting(coming: Promise<void>): void {
    this.#restart = coming.finally(() => {
      this.#restart = undefined
    })
    this.#restart.catch(() => {})
  }

  #boot(): Promise<void> {
    return this.#comeUp(async () => {
      const started = await this.#clone.place.powerOn()
      return { ...started, logIn: () => this.#reach.logIn(started) }
    })
  }

  /** Another QEMU takes the place of the last. */
  async #comeUp(
    start: () => Promise<Networked & { logIn(): Promise<Pick<Clone, 'address' | 'connection'>> }>,
  ): Promise<void> {
    this.#reach.disconnect()
    this.#state = 'booting'
    this.#crashReason = undefined
    try {
      const started = await start()
      this.#running = started
      // Destroyed while QEMU was starting: destroy() waits for us, then kills what is there now.
      if (this.state === 'destroyed') throw this.#wrongState('go on')
      this.#inFlight = new InFlight()
      this.#observe(started)
      await this.#reach.forwards.openAgain(started.qemu.qmp)
      const logIn = started.logIn().catch(async (error) => Promise.reject(await started.qemu.explain(error)))
      this.#reach.established(await logIn)
      if (this.#state === 'booting') this.#state = 'running'
    } catch (error) {
      if (this.state !== 'destroyed') this.#state = 'crashed'
      this.#crashReason = messageOf(error)
      throw error
    }
  }

  #assertState(state: VmState, what: string): void {
    if (this.#state !== state) throw this.#wrongState(what)
  }

  #assertAlive(what: string): void {
    if (this.#state === 'destroyed' || this.#state === 'stopped') throw this.#wrongState(what)
  }

  #wrongState(what: string): MayflyError {
    const { qemu } = this.#running
    const reason = this.#crashReason?.split('\n') ?? qemu.console.tail().map((line) => `console: ${line}`)
    return wrongState(this.#name, this.#state, what, this.#state === 'crashed' ? reason : [])
  }
}
