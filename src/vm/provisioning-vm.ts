import { MayflyError } from '../errors.js'
import { Vm } from './vm.js'

/** A machine that is going to be sealed where it stands: it can be used, not stopped or copied. */
export class ProvisioningVm extends Vm {
  override suspend(): Promise<never> {
    return this.#refuse('suspend')
  }

  override resume(): Promise<never> {
    return this.#refuse('resume')
  }

  override shutdown(): Promise<never> {
    return this.#refuse('shutdown')
  }

  override reboot(): Promise<never> {
    return this.#refuse('reboot')
  }

  override crash(): Promise<never> {
    return this.#refuse('crash')
  }

  override start(): Promise<never> {
    return this.#refuse('start')
  }

  override checkpoint(): Promise<never> {
    return this.#refuse('checkpoint')
  }

  override restore(): Promise<never> {
    return this.#refuse('restore')
  }

  override fork(): Promise<never> {
    return this.#refuse('fork')
  }

  override diff(): Promise<never> {
    return this.#refuse('diff')
  }

  #refuse(what: string): Promise<never> {
    return Promise.reject(
      new MayflyError('MAYFLY_VM_STATE', `cannot ${what}: ${this.name} is being provisioned`, {
        hint: 'What a template is sealed from must run on; do this in the test, with its clone.',
      }),
    )
  }
}
