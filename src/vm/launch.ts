import { MayflyError } from '../errors.js'
import { defineGuest, type Guest, type GuestSpec } from '../guest/spec.js'
import { silent } from '../host/progress.js'
import { clone } from '../snapshot/clone.js'
import { discardTemplate } from '../snapshot/ensure.js'
import { type PrepareOptions, prepare } from '../snapshot/prepare.js'
import { Vm } from './vm.js'

export type LaunchOptions = PrepareOptions

/**
 * A pristine running machine, resumed from its guest's template; the image is built and the template sealed first if need be.
 * @throws MayflyError for an invalid guest, a host that cannot run it, a boot that fails; nothing is left behind.
 */
export async function launch(spec: GuestSpec | Guest | string, options: LaunchOptions = {}): Promise<Vm> {
  const guest = defineGuest(spec)
  const { signal, progress = silent } = options
  const prepared = await prepare(guest, options)
  try {
    return new Vm(await clone(prepared, { signal }))
  } catch (error) {
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_TEMPLATE_UNUSABLE') throw error
    // Damage that only QEMU can see: once more from scratch, and if that does not load either, it is not damage.
    progress.note(`the template of ${guest.name} did not load and is made again: ${error.message}`)
    await discardTemplate({ ...prepared, progress, signal }, prepared.template)
    return new Vm(await clone(await prepare(guest, options), { signal }))
  }
}
