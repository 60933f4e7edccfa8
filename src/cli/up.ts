import type { ActionContext } from './action.js'
import { sideBySide } from './side-by-side.js'
import { bringUp, upContext } from './up-machine.js'
import { guestsMeant, type VmFileOptions } from './vmfile-argument.js'

/** `mayfly up` */
export async function up(
  context: ActionContext,
  options: VmFileOptions & { provision: boolean },
  args: string[],
): Promise<number> {
  const { path, wanted } = guestsMeant(options, args)
  const upping = upContext(context, path, options.provision)
  return await sideBySide(context, [...wanted.keys()], options, (name, telling) =>
    bringUp(upping, wanted.get(name)!, telling),
  )
}
