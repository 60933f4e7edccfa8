import { join } from 'node:path'
import { Date } from '../node-globals.js'
import type { Checkpoint } from '../snapshot/checkpoint.js'
import type { Clone } from '../snapshot/clone.js'
import type { FreezeMethod } from '../snapshot/freeze-method.js'
import { FILES } from '../snapshot/machine.js'
import { exec } from '../ssh/exec.js'
import { type Duration, toMilliseconds } from '../units.js'
import { Allowance } from './allowance.js'
import type { DiffOptions } from './diff/diff.js'
import type { MachineDiff } from './diff/machine-diff.js'
import { Family } from './family.js'
import { fork } from './fork.js'
import { Screen } from './screen.js'
import type { TimelineEntry } from './timeline.js'

export interface CheckpointOptions {
  /** Default: the quickest that this host can do. */
  method?: FreezeMethod | undefined
}

/** One running machine. It belongs to whoever launched it, and dies with it. */
export class Vm extends Screen implements AsyncDisposable {
  /** @internal */
  readonly family: Family
  readonly #checkpoints = new Set<Checkpoint>()
  #destroying: Promise<void> | undefined

  constructor(clone: Clone, family = new Family()) {
    super(clone)
    this.family = family
    family.add(this)
    clone.prepared.harness.session.own(this)
  }

  /** Where its SSH server is, for other clients: `ssh -i privateKeyPath -p port user@host`. */
  get ssh(): { host: string; port: number; user: string; privateKeyPath: string; hostKey: string } {
    const { host, port, username: user, hostKey } = this.life.target
    return { host, port, user, privateKeyPath: this.clone.privateKeyPath, hostKey }
  }

  /** The serial console. Its full log is in a file until the Vm is destroyed. */
  get console(): { text(): string; send(text: string): void; logPath: string } {
    const { console } = this.life.running.qemu
    return {
      text: () => console.text(),
      send: (text) => console.send(text),
      logPath: join(this.clone.place.directory, FILES.console),
    }
  }

  /**
   * Makes a TCP port of the guest's network interface reachable on a loopback port of the host, for as long as the Vm lives.
   * On a bridge every port can be reached already, and this is where.
   */
  async forwardPort(guestPort: number): Promise<{ host: string; port: number }> {
    return await this.#allow().bound('forwarding a port', () => this.life.forwardPort(guestPort))
  }

  /** Stops the vCPUs; `resume` lets them go on. */
  suspend(): Promise<void> {
    return this.#inTime('power', 'suspend', () => this.life.suspend())
  }

  resume(): Promise<void> {
    return this.#inTime('power', 'resume', () => this.life.resume())
  }

  /** Powers off from inside, and waits until it is off. `start` boots it again from its own disk. */
  shutdown(options: { timeout?: Duration | undefined } = {}): Promise<void> {
    return this.#leave('poweroff', options.timeout)
  }

  /** Reboots from inside, and waits until it is ready again. */
  reboot(options: { timeout?: Duration | undefined } = {}): Promise<void> {
    return this.#leave('reboot', options.timeout)
  }

  #leave(command: 'poweroff' | 'reboot', timeout: Duration = '2m'): Promise<void> {
    const limit = toMilliseconds(timeout, 'timeout')
    return this.#inTime('power', command, () =>
      this.life.leave(command, (connection) => exec(connection, command, { user: 'root' }), limit),
    )
  }

  /** Power cut. */
  crash(): Promise<void> {
    return this.timeline.during('power', 'crash', () => this.life.crash())
  }

  /** Powers on after `shutdown` or `crash`. */
  start(): Promise<void> {
    return this.#inTime('power', 'start', () => this.life.start())
  }

  /**
   * Freezes this moment of a running or suspended Vm, memory, devices and disk at once; it goes on after some tens of ms.
   * @throws MayflyError MAYFLY_VM_STATE, MAYFLY_CACHE_UNUSABLE when there is no room, MAYFLY_QEMU_EXITED.
   */
  async checkpoint(label = `of ${new Date().toISOString()}`, options: CheckpointOptions = {}): Promise<Checkpoint> {
    return await this.#inTime('checkpoint', `checkpoint ${label}`, async () => {
      const checkpoint = await this.life.checkpoint(label, options.method)
      // Also one that comes too late belongs to this Vm.
      this.#checkpoints.add(checkpoint)
      if (this.#destroying) await checkpoint[Symbol.asyncDispose]()
      return checkpoint
    })
  }

  /**
   * Goes back to a checkpoint: its own, one of what it was forked from, or of a fork. Its clock is set to the host's, its forwarded
   * ports stay. Commands in flight are rejected with MAYFLY_VM_RESTORED; those that come meanwhile wait. It runs afterwards.
   * @throws MayflyError MAYFLY_OPTION_INVALID, MAYFLY_VM_STATE while it boots; MAYFLY_CHECKPOINT_UNUSABLE, and it has crashed.
   */
  restore(checkpoint: Checkpoint): Promise<void> {
    const title = `restore ${checkpoint.label}`
    return this.#inTime('checkpoint', title, () => this.life.restore(checkpoint))
  }

  /**
   * Machines that go on from where this one is now, which goes on too. They are their own: destroy each. In a test, those of
   * its fixtures end with it.
   * @throws MayflyError as `checkpoint`, or as `launch`; no fork is left then.
   */
  fork(count = 1, options: CheckpointOptions = {}): Promise<[Vm, ...Vm[]]> {
    const bear = async (signal: AbortSignal): Promise<[Vm, ...Vm[]]> => {
      const checkpoint = () => this.life.checkpoint(`for ${count} forks`, options.method)
      const clones = await fork(this.clone.prepared, checkpoint, { count, signal })
      const [first, ...more] = clones.map((clone) => new Vm(clone, this.family))
      return [first!, ...more]
    }
    return this.#inTime('checkpoint', `fork into ${count}`, () => this.family.bear(bear))
  }

  /**
   * What has changed in the machine since a checkpoint of it, of what it was forked from, or of a fork; without one, since it was
   * launched. The checkpoint is resumed beside it for that, for some seconds, and needs the memory of another machine.
   * @throws MayflyError MAYFLY_OPTION_INVALID (also for a checkpoint that is gone, or of another kind of machine), MAYFLY_VM_STATE,
   *   MAYFLY_WAIT_TIMEOUT, or as `launch` and `exec`.
   */
  diff(checkpoint?: Checkpoint, options: DiffOptions = {}): Promise<MachineDiff> {
    const title = `diff since ${checkpoint?.label ?? 'its launch'}`
    const work = () =>
      this.family.bear(async (signal) => {
        // Few tests ask for it.
        const { diffSince } = await import('./diff/since.js')
        return await diffSince(this, checkpoint, options, signal)
      })
    return this.timeline.during('check', title, work, (diff) => ({ result: diff.summary }))
  }

  /** Ends the machine and removes what it left on the host. May be called more than once, and from any state. */
  destroy(): Promise<void> {
    this.#destroying ??= this.#destroy()
    return this.#destroying
  }

  /** @internal The machine goes on without this handle: it is going to be sealed. */
  async letGo(): Promise<void> {
    await this.life.letGo()
    this.clone.prepared.harness.session.disown(this)
    this.family.delete(this)
  }

  #allow(): Allowance {
    return new Allowance(undefined, this.family.timeLimit())
  }

  /** A step that ends with the test's time at the latest, also if QEMU does not answer. */
  #inTime<T>(kind: TimelineEntry['kind'], title: string, work: () => Promise<T>): Promise<T> {
    return this.timeline.during(kind, title, () => this.#allow().bound(title, work))
  }

  async #destroy(): Promise<void> {
    try {
      await this.life.destroy()
    } finally {
      await this.clone[Symbol.asyncDispose]()
      await Promise.all([...this.#checkpoints].map((checkpoint) => checkpoint[Symbol.asyncDispose]()))
      this.clone.prepared.harness.session.disown(this)
      this.family.delete(this)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }
}
