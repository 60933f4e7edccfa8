import { join } from 'node:path'
import { GuestAssertionError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { AcceleratorKind } from '../host/accelerator.js'
import type { Checkpoint } from '../snapshot/checkpoint.js'
import type { Clone } from '../snapshot/clone.js'
import type { FreezeMethod } from '../snapshot/freeze-method.js'
import { FILES } from '../snapshot/machine.js'
import type { LaunchTimings } from '../snapshot/timings.js'
import { type ExecOptions, type ExecResult, exec } from '../ssh/exec.js'
import { openShell, type Shell, type ShellOptions } from '../ssh/shell.js'
import { download, readFile, type UploadOptions, upload, writeFile } from '../ssh/transfer.js'
import { type Duration, toMilliseconds } from '../units.js'
import { Family } from './family.js'
import { fork } from './fork.js'
import { Life, type VmState } from './life.js'
import { Waits } from './waits.js'

type Command = string | readonly string[]

export interface CheckpointOptions {
  /** Default: the quickest that this host can do. */
  method?: FreezeMethod | undefined
}

/** One running machine. It belongs to whoever launched it, and dies with it. */
export class Vm extends Waits implements AsyncDisposable {
  readonly id: string
  readonly guest: Guest
  readonly accelerator: AcceleratorKind
  /** @internal */
  readonly family: Family
  readonly #clone: Clone
  readonly #life: Life
  readonly #checkpoints = new Set<Checkpoint>()
  #destroying: Promise<void> | undefined

  constructor(clone: Clone, family = new Family()) {
    super()
    const { harness, guest } = clone.prepared
    this.id = clone.place.id
    this.guest = guest
    this.accelerator = harness.accelerator.kind
    this.#clone = clone
    this.#life = new Life(clone)
    this.family = family
    family.add(this)
    harness.session.own(this)
  }

  get name(): string {
    return this.guest.name
  }

  get state(): VmState {
    return this.#life.state
  }

  /** Where the time of its launch went. */
  get timings(): Readonly<LaunchTimings> {
    return this.#clone.timings
  }

  /** Where its SSH server is, for other clients: `ssh -i privateKeyPath -p port user@host`. */
  get ssh(): { host: string; port: number; user: string; privateKeyPath: string; hostKey: string } {
    const { host, port, username: user, hostKey } = this.#life.target
    return { host, port, user, privateKeyPath: this.#clone.privateKeyPath, hostKey }
  }

  /** The serial console. Its full log is in a file until the Vm is destroyed. */
  get console(): { text(): string; send(text: string): void; logPath: string } {
    const { console } = this.#life.running.qemu
    return {
      text: () => console.text(),
      send: (text) => console.send(text),
      logPath: join(this.#clone.place.directory, FILES.console),
    }
  }

  /**
   * Runs a command, whatever its exit code.
   * @param command text for the user's shell, or an argument vector that no shell changes.
   * @throws MayflyError MAYFLY_COMMAND_TIMEOUT, MAYFLY_ABORTED, MAYFLY_OUTPUT_TOO_LARGE, MAYFLY_SSH_FAILED, MAYFLY_QEMU_EXITED, MAYFLY_GUEST_PANIC, MAYFLY_VM_STATE, MAYFLY_VM_RESTORED.
   */
  exec(command: Command, options: ExecOptions & { encoding: 'buffer' }): Promise<ExecResult<Buffer>>
  exec(command: Command, options?: ExecOptions & { encoding?: 'utf8' | undefined }): Promise<ExecResult>
  exec(command: Command, options?: ExecOptions): Promise<ExecResult<string | Buffer>> {
    return this.#life.use(`exec ${textOf(command)}`, (connection) => exec(connection, command, options))
  }

  /**
   * Runs a command that must exit 0, and gives its stdout.
   * @throws GuestAssertionError MAYFLY_COMMAND_FAILED with the output.
   */
  async succeed(command: Command, options: ExecOptions & { encoding?: 'utf8' | undefined } = {}): Promise<string> {
    const result = await this.exec(command, options)
    if (result.exitCode === 0) return result.stdout
    throw this.#unexpected(command, result, 'should succeed')
  }

  /**
   * Runs a command that must exit with another code than 0, and gives its result.
   * @throws GuestAssertionError MAYFLY_COMMAND_FAILED with the output.
   */
  async fail(command: Command, options: ExecOptions & { encoding?: 'utf8' | undefined } = {}): Promise<ExecResult> {
    const result = await this.exec(command, options)
    if (result.exitCode !== 0) return result
    throw this.#unexpected(command, result, 'should fail')
  }

  #unexpected(
    command: Command,
    { exitCode, signal, stdout, stderr, durationMs }: ExecResult,
    should: string,
  ): GuestAssertionError {
    const status = signal ? `was killed by ${signal}` : `exited with ${exitCode}`
    return new GuestAssertionError('MAYFLY_COMMAND_FAILED', `${should}, but ${status}: ${textOf(command)}`, {
      details: [
        `on ${this.name}, after ${Math.round(durationMs)} ms`,
        ...lastLines('stdout', stdout),
        ...lastLines('stderr', stderr),
      ],
    })
  }

  /** An interactive shell. */
  shell(options?: ShellOptions): Promise<Shell> {
    return this.#life.use('open a shell', (connection) => openShell(connection, options))
  }

  /**
   * Copies a file or a directory into the guest.
   * @throws MayflyError MAYFLY_FILE_TRANSFER_FAILED naming both paths and the reason; nothing half-written is left.
   */
  upload(local: string, remote: string, options?: UploadOptions): Promise<void> {
    return this.#life.use('upload', (connection) => upload(connection, local, remote, options))
  }

  /** Copies a file or a directory out of the guest. */
  download(remote: string, local: string): Promise<void> {
    return this.#life.use('download', (connection) => download(connection, remote, local))
  }

  writeFile(remote: string, content: string | Uint8Array, options?: UploadOptions): Promise<void> {
    return this.#life.use('writeFile', (connection) => writeFile(connection, remote, content, options))
  }

  readFile(remote: string, options: { encoding: 'buffer' }): Promise<Buffer>
  readFile(remote: string, options?: { encoding?: 'utf8' | undefined }): Promise<string>
  readFile(remote: string, options?: { encoding?: 'utf8' | 'buffer' | undefined }): Promise<string | Buffer> {
    return this.#life.use('readFile', (connection) => readFile(connection, remote, options as { encoding: 'buffer' }))
  }

  /** Makes a TCP port of the guest's network interface reachable on a loopback port of the host, for as long as the Vm lives. */
  async forwardPort(guestPort: number): Promise<{ host: string; port: number }> {
    return { host: '127.0.0.1', port: await this.#life.forwardPort(guestPort) }
  }

  /** Stops the vCPUs; `resume` lets them go on. */
  suspend(): Promise<void> {
    return this.#life.suspend()
  }

  resume(): Promise<void> {
    return this.#life.resume()
  }

  /** Powers off from inside, and waits until it is off. `start` boots it again from its own disk. */
  shutdown(options: { timeout?: Duration } = {}): Promise<void> {
    return this.#life.leave(
      'poweroff',
      (connection) => exec(connection, 'poweroff'),
      toMilliseconds(options.timeout ?? '2m', 'timeout'),
    )
  }

  /** Reboots from inside, and waits until it is ready again. */
  reboot(options: { timeout?: Duration } = {}): Promise<void> {
    return this.#life.leave(
      'reboot',
      (connection) => exec(connection, 'reboot'),
      toMilliseconds(options.timeout ?? '2m', 'timeout'),
    )
  }

  /** Power cut. */
  crash(): Promise<void> {
    return this.#life.crash()
  }

  /** Powers on after `shutdown` or `crash`. */
  start(): Promise<void> {
    return this.#life.start()
  }

  /**
   * Freezes this moment of a running or suspended Vm, memory, devices and disk at once; it goes on after some tens of ms.
   * @throws MayflyError MAYFLY_VM_STATE, MAYFLY_CACHE_UNUSABLE when there is no room, MAYFLY_QEMU_EXITED.
   */
  async checkpoint(label = `of ${new Date().toISOString()}`, options: CheckpointOptions = {}): Promise<Checkpoint> {
    const checkpoint = await this.#life.checkpoint(label, options.method)
    this.#checkpoints.add(checkpoint)
    if (this.#destroying) await checkpoint[Symbol.asyncDispose]()
    return checkpoint
  }

  /**
   * Goes back to a checkpoint: its own, one of what it was forked from, or of a fork. Its clock is set to the host's, its forwarded
   * ports stay. Commands in flight are rejected with MAYFLY_VM_RESTORED; those that come meanwhile wait. It runs afterwards.
   * @throws MayflyError MAYFLY_OPTION_INVALID, MAYFLY_VM_STATE while it boots; MAYFLY_CHECKPOINT_UNUSABLE, and it has crashed.
   */
  restore(checkpoint: Checkpoint): Promise<void> {
    return this.#life.restore(checkpoint)
  }

  /**
   * Machines that go on from where this one is now, which goes on too. They are their own: destroy each. In a test, those of
   * its fixtures end with it.
   * @throws MayflyError as `checkpoint`, or as `launch`; no fork is left then.
   */
  fork(count = 1, options: CheckpointOptions = {}): Promise<[Vm, ...Vm[]]> {
    return this.family.bear(async (signal) => {
      const checkpoint = () => this.#life.checkpoint(`for ${count} forks`, options.method)
      const clones = await fork(this.#clone.prepared, checkpoint, { count, signal })
      const [first, ...more] = clones.map((clone) => new Vm(clone, this.family))
      return [first!, ...more]
    })
  }

  /** Ends the machine and removes what it left on the host. May be called more than once, and from any state. */
  destroy(): Promise<void> {
    this.#destroying ??= this.#destroy()
    return this.#destroying
  }

  /** @internal The machine goes on without this handle: it is going to be sealed. */
  async letGo(): Promise<void> {
    await this.#life.letGo()
    this.#clone.prepared.harness.session.disown(this)
    this.family.delete(this)
  }

  async #destroy(): Promise<void> {
    try {
      await this.#life.destroy()
    } finally {
      await this.#clone[Symbol.asyncDispose]()
      await Promise.all([...this.#checkpoints].map((checkpoint) => checkpoint[Symbol.asyncDispose]()))
      this.#clone.prepared.harness.session.disown(this)
      this.family.delete(this)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }

  protected override consoleText(pattern: RegExp | string, signal: AbortSignal): Promise<string> {
    return this.#life.watch(`waiting for ${pattern}`, ({ qemu }) => qemu.console.waitFor(pattern, signal))
  }
}

function textOf(command: Command): string {
  return typeof command === 'string' ? command : command.join(' ')
}

function lastLines(name: string, text: string): string[] {
  const lines = text.trimEnd().split('\n')
  return text.trim() === '' ? [] : lines.slice(-20).map((line) => `${name}: ${line}`)
}
