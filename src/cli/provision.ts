import { resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import { takeSteps } from '../machines/take-steps.js'
import type { ActionContext } from './action.js'
import { ownMachine } from './own-machine.js'
import { sideBySide } from './side-by-side.js'
import { stepsOf } from './up-machine.js'
import { guestsMeant, type VmFileOptions } from './vmfile-argument.js'

/** `mayfly provision` */
export async function provision(context: ActionContext, options: VmFileOptions, args: string[]): Promise<number> {
  const { path, wanted } = guestsMeant(options, args)
  const { signal } = context
  return await sideBySide(context, [...wanted.keys()], options, async (name, telling) => {
    const machine = await ownMachine(name, resolve(path))
    if (!machine) {
      throw new MayflyError('MAYFLY_VM_STATE', 'it has not been made yet', { hint: `mayfly up ${name}` })
    }
    const steps = stepsOf(wanted.get(name)!.guest)
    if (steps.length > 0) await takeSteps(machine, steps, { ...telling, signal })
    telling.did(steps.length > 0 ? 'provisioned' : 'has no steps')
  })
}
