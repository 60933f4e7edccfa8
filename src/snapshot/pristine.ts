import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { silent, warn } from '../host/progress.js'
import { assertConnectable } from '../network/bridge.js'
import { type Clone, clone } from './clone.js'
import { discardTemplate } from './ensure.js'
import { type Prepared, type PrepareOptions, prepare } from './prepare.js'
import { makeUnique } from './unique.js'

export interface PristineOptions extends PrepareOptions {
  /**
   * Gives each machine a machine-id, a hostname and an SSH host key of its own. By default they are its template's, the same in every
   * run. Random numbers are always its own.
   */
  unique?: boolean | undefined
}

/**
 * A clone of the guest's template; the image is built and the template sealed first if need be.
 * @throws MayflyError for a host that cannot run it, a boot that fails; nothing is left behind.
 */
export async function pristine(guest: Guest, options: PristineOptions): Promise<Clone> {
  const { signal, progress = silent } = options
  // Sealing needs no bridge, and takes too long to say so afterwards.
  await assertConnectable(guest)
  const prepared = await prepare(guest, options)
  try {
    return await makePristine(prepared, options)
  } catch (error) {
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_TEMPLATE_UNUSABLE') throw error
    // Damage that only QEMU can see: once more from scratch, and if that does not load either, it is not damage.
    warn(progress, `the template of ${guest.name} did not load and is made again: ${error.message}`)
    await discardTemplate({ ...prepared, progress, signal }, prepared.template)
    return await makePristine(await prepare(guest, options), options)
  }
}

/** A clone of a template that is there. @throws as `clone` and `makeUnique`. */
export async function makePristine(
  prepared: Prepared,
  { unique, signal }: Pick<PristineOptions, 'unique' | 'signal'>,
): Promise<Clone> {
  const machine = await clone(prepared, { signal })
  if (!unique) return machine
  try {
    return await makeUnique(machine, signal)
  } catch (error) {
    await machine[Symbol.asyncDispose]()
    throw error
  }
}
