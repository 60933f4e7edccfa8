import { MayflyError } from '../errors.js'
import { defineGuest, type Guest, type GuestSpec } from '../guest/spec.js'
import { nearest } from './nearest.js'

const NAMES = ['micro', 'debian', 'debian:bookworm', 'debian:trixie', 'micro:bookworm', 'micro:trixie']

/**
 * The guest that a command line names.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND with the nearest name, MAYFLY_GUEST_INVALID.
 */
export function guestNamed(image: string, spec: Omit<GuestSpec, 'image'> = {}): Guest {
  try {
    return defineGuest({ ...spec, image })
  } catch (error) {
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_IMAGE_NOT_FOUND') throw error
    const suggestion = nearest(image, NAMES)
    throw new MayflyError(error.code, `unknown guest: ${JSON.stringify(image)}`, {
      hint: suggestion
        ? `Did you mean ${suggestion}?`
        : "Known guests are micro and debian, with a release if you like, such as 'debian:trixie'.",
    })
  }
}
