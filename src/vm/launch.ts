import type { Guest } from '../guest/spec.js'
import { toNodeSignal } from '../node-globals.js'
import type { PristineOptions } from '../snapshot/pristine.js'
import { defineGuest, type GuestSpec } from './define-guest.js'
import type { Vm } from './vm.js'

export type LaunchOptions = PristineOptions

/**
 * A pristine running machine, resumed from its guest's template; the image is built and the template sealed first if need be.
 * @throws MayflyError for an invalid guest, a host that cannot run it, a boot that fails; nothing is left behind.
 */
export async function launch(spec: GuestSpec | Guest | string, options: LaunchOptions = {}): Promise<Vm> {
  const guest = defineGuest(spec)
  // Whoever only defines guests does without.
  const [{ pristine }, { Vm }] = await Promise.all([import('../snapshot/pristine.js'), import('./vm.js')])
  return new Vm(await pristine(guest, { ...options, signal: toNodeSignal(options.signal) }))
}
