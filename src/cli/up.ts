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
  const { path, guests } = guestsMeant(options, args)
  const upping = { ...context, vmfile: resolve(path), provision: options.provision, room: new Room() }
  return await sideBySide(context, [...guests.keys()], options, (name, telling) =>
    bringUp(upping, guests.get(name)!, telling),
  )
}
