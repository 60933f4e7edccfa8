import { MayflyError } from '../errors.js'
import {
  defineGuest as defineData,
  type Guest,
  isGuest,
  readableSpec,
  type GuestSpec as SpecOfData,
} from '../guest/spec.js'
import { type Setup, setup } from './setup.js'

/** A guest as users write it. */
export type GuestSpec = Omit<SpecOfData, 'provision'> & {
  /** Steps, each of which is sealed; or code, whose one key is `provisionKey`. */
  provision?: SpecOfData['provision'] | Setup | undefined
  /** Stands for `provision` if that is code: change it whenever the code changes. */
  provisionKey?: string | undefined
}

/**
 * Validates a guest and fills in its defaults. A guest that was defined before is returned as it is.
 * @throws MayflyError MAYFLY_GUEST_INVALID naming every wrong option and the value received, MAYFLY_IMAGE_NOT_FOUND for an unknown image name.
 */
export function defineGuest(spec: GuestSpec | Guest | string): Guest {
  if (typeof spec !== 'object' || spec === null || isGuest(spec)) return defineData(spec)
  const { provision, provisionKey, ...rest } = readableSpec(spec as GuestSpec)
  if (typeof provision === 'function') {
    if (provisionKey) return defineData({ ...rest, provision: [setup(provisionKey, provision)] })
    throw new MayflyError('MAYFLY_GUEST_INVALID', 'provision is a function, and there is no provisionKey', {
      hint: "What a function does cannot be seen: give `provisionKey: 'v1'` beside it, and change that with the function.",
    })
  }
  if (provisionKey === undefined) return defineData({ ...rest, provision })
  throw new MayflyError('MAYFLY_GUEST_INVALID', 'provisionKey is given, and provision is not a function', {
    details: ['provisionKey: remove it, or make provision a function'],
    hint: 'Steps are hashed by what they are and read; only code needs a key.',
  })
}
