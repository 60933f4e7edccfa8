import { AbortSignal } from '../../node-globals.js'
import type { ExecOptions, ExecResult } from '../../ssh/exec.js'
import type { Command, Commands } from '../commands.js'
import type { LookOptions } from './records.js'
import { Resource, type Sight } from './resource.js'

type CommandOptions = ExecOptions & { encoding?: 'utf8' | undefined }

/** A command that runs anew each time it is asked about. */
export class CommandResource extends Resource<ExecResult> {
  readonly kind = 'command'
  readonly #command: Command
  readonly #options: CommandOptions

  constructor(vm: Commands, command: Command, options: CommandOptions = {}) {
    super(vm, typeof command === 'string' ? command : command.join(' '))
    this.#command = command
    this.#options = options
  }

  async stdout(): Promise<string> {
    return (await this.state()).stdout
  }

  async stderr(): Promise<string> {
    return (await this.state()).stderr
  }

  /** Null if a signal ended it. */
  async exitCode(): Promise<number | null> {
    return (await this.state()).exitCode
  }

  async succeeds(): Promise<boolean> {
    return (await this.exitCode()) === 0
  }

  /** A step of the test, and written down as one. */
  override state(): Promise<ExecResult> {
    return this.vm.exec(this.#command, this.#options)
  }

  /** @internal For whoever writes it down himself. */
  async look({ signal }: LookOptions = {}): Promise<Sight<ExecResult>> {
    const signals = [signal, this.#options.signal].filter((one) => one !== undefined)
    const either = signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}
    return { state: await this.vm.execUnseen(this.#command, { ...this.#options, ...either }), evidence: [] }
  }

  /** @internal */
  describe(result: ExecResult): string {
    return describeExit(result)
  }
}

export function describeExit({ exitCode, signal }: ExecResult): string {
  return signal === null ? `exited with ${exitCode}` : `was killed by ${signal}`
}
