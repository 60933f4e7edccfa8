import { resolve } from 'node:path'
import { destroyMachine } from '../machines/destroy.js'
import type { ActionContext } from './action.js'
import { ownMachine } from './own-machine.js'
import { sideBySide } from './side-by-side.js'
import { bringUp, Room } from './up-machine.js'
import { guestsMeant, type VmFileOptions } from './vmfile-argument.js'

/** `mayfly reload` */
export async function reload(
  context: ActionContext,
  options: VmFileOptions & { provision: boolean },
  args: string[],
): Promise<number> {
  const { path, wanted } = guestsMeant(options, args)
  const vmfile = resolve(path)
  const owned = await Promise.all(Array.from(wanted.keys(), (name) => ownMachine(name, vmfile)))
  const upping = { ...context, vmfile, provision: options.provision, room: new Room() }
  return await sideBySide(context, [...wanted.keys()], options, async (name, telling) => {
    const before = owned.find((machine) => machine?.name === name)
    if (before) await destroyMachine(before, { signal: context.signal })
    return [...(before ? ['destroyed'] : []), ...(await bringUp(upping, wanted.get(name)!, telling))]
  })
}
