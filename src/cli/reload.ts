import type { Guest } from '../guest/spec.js'
import { resolveImage } from '../image/resolve.js'
import { destroyMachine } from '../machines/destroy.js'
import { openHarness } from '../session/harness.js'
import { hold } from '../session/uses.js'
import type { ActionContext } from './action.js'
import { ownMachine } from './own-machine.js'
import { sideBySide, type Telling } from './side-by-side.js'
import { bringUp, upContext } from './up-machine.js'
import { guestsMeant, type VmFileOptions } from './vmfile-argument.js'

/** `mayfly reload` */
export async function reload(
  context: ActionContext,
  options: VmFileOptions & { provision: boolean },
  args: string[],
): Promise<number> {
  const { path, wanted } = guestsMeant(options, args)
  const upping = upContext(context, path, options.provision)
  return await sideBySide(context, [...wanted.keys()], options, async (name, telling) => {
    const made = await ownMachine(name, upping.vmfile)
    const { guest } = wanted.get(name)!
    await fetchImage(guest, context, telling)
    if (made) {
      await destroyMachine(made, { signal: context.signal })
      telling.did('destroyed')
    }
    await bringUp(upping, wanted.get(name)!, telling)
  })
}

/** Nothing is destroyed for the sake of an image that cannot be had. */
async function fetchImage(guest: Guest, { cacheDir, signal }: ActionContext, { progress }: Telling): Promise<void> {
  const harness = await openHarness(cacheDir)
  const { store, session } = harness
  const resolving = { store, workshop: session, progress, arch: guest.arch, signal }
  await hold(
    harness,
    () => resolveImage(guest.image, resolving),
    ({ dir }) => [dir],
  )
}
