import { MayflyError } from '../errors.js'
import { Date } from '../node-globals.js'
import type { Frozen } from './machine.js'
import type { Template } from './template.js'

interface CheckpointFields extends Pick<Checkpoint, 'label' | 'vm' | 'pauseMs' | 'bytes'> {
  frozen: Frozen & Required<Pick<Frozen, 'uses'>>
  template: Template
}

/**
 * A frozen moment of one Vm: memory, devices and disk at the same instant. It can be restored any number of times.
 * It goes with its Vm, or when it is disposed of; machines that were restored from it keep what they need of it.
 */
export class Checkpoint implements AsyncDisposable {
  readonly label: string
  readonly createdAt = new Date()
  /** Whose moment it is. */
  readonly vm: Readonly<{ id: string; name: string }>
  /** How long the Vm stood still for it, in ms; 0 if it was suspended. */
  readonly pauseMs: number
  /** What it takes of the disk. */
  readonly bytes: number
  readonly #frozen: CheckpointFields['frozen']
  readonly #template: Template
  #disposed: Promise<void> | undefined

  /** @internal */
  constructor({ label, vm, pauseMs, bytes, frozen, template }: CheckpointFields) {
    this.label = label
    this.vm = vm
    this.pauseMs = pauseMs
    this.bytes = bytes
    this.#frozen = frozen
    this.#template = template
  }

  /**
   * What a machine of `template` resumes from.
   * @internal
   * @throws MayflyError MAYFLY_OPTION_INVALID for a machine of another template, and when it is gone.
   */
  frozenFor(template: Template, name: string): Frozen {
    if (this.#disposed) {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `the checkpoint ${this.label} of ${this.vm.name} is gone`, {
        hint: `It was disposed of, or ${this.vm.id} was destroyed.`,
      })
    }
    if (template.directory !== this.#template.directory) {
      throw new MayflyError(
        'MAYFLY_OPTION_INVALID',
        `the checkpoint ${this.label} is one of ${this.vm.name}, and ${name} is another kind of machine`,
        { hint: 'Restore checkpoints of the Vm itself, of what it was forked from, or of its forks.' },
      )
    }
    return this.#frozen
  }

  /** Removes what nobody stands on. May be called more than once. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= Promise.all([this.#frozen.uses.memory.release(), this.#frozen.uses.disk.release()]).then(
      () => {},
    )
    return this.#disposed
  }
}
