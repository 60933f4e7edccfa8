import { resolve } from 'node:path'
import type { ActionContext } from './action.js'
import { sideBySide } from './side-by-side.js'
import { bringUp, Room } from './up-machine.js'
import { guestsMeant, type VmFileOptions } from './vmfile-argument.js'

/** `mayfly up` */
export async function up(
  context: ActionContext,
  options: VmFileOptions & { provision: boolean },
  args: string[],
): Promise<number> {
  const { path, wanted } = guestsMeant(options, args)
  const upping = { ...context, vmfile: resolve(path), provision: options.provision, room: new Room() }
  return await sideBySide(context, [...wanted.keys()], options, (name, telling) =>
    bringUp(upping, wanted.get(name)!, telling),
  )
}
