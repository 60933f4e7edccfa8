import { MayflyError } from '../errors.js'
import { defineGuest, type Guest, type GuestSpec } from '../guest/spec.js'
import { catalogueNames } from '../image/catalogue.js'
import { imageWritten } from '../image/reference.js'
import { nearest } from '../nearest.js'
import { guestsOfModule, isModule, type NamedGuest } from './guest-module.js'

const NAMES = ['micro', 'debian', 'debian:bookworm', 'debian:trixie', 'micro:bookworm', 'micro:trixie']

/**
 * The guests that a command line names: by an image, by a module that exports them, or by a VMFile.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND with the nearest name, MAYFLY_GUEST_INVALID, MAYFLY_VMFILE_INVALID.
 */
export async function guestsNamed(text: string): Promise<NamedGuest[]> {
  return (await guestsDefinedIn(text)) ?? [{ name: text, guest: imageNamed(text, {}) }]
}

/** Those of a module or a VMFile; undefined if the text names neither. */
async function guestsDefinedIn(text: string): Promise<NamedGuest[] | undefined> {
  if (isModule(text)) return await guestsOfModule(text)
  return isVmFile(text) ? (await import('./guest-vmfile.js')).guestsOfVmFileArgument(text) : undefined
}

function isVmFile(text: string): boolean {
  return /\.kdl(?:#|$)/.test(text)
}

/**
 * The one guest that a command line names; `spec` is what it says of one named by its image.
 * @throws MayflyError as `guestsNamed`; MAYFLY_OPTION_INVALID when there are several, or they have been defined with what `spec` says.
 */
export async function guestNamed(text: string, spec: Omit<GuestSpec, 'image'> = {}): Promise<Guest> {
  if (!isModule(text) && !isVmFile(text)) return imageNamed(text, spec)
  const given = Object.entries(spec).filter(([, value]) => value !== undefined)
  if (given.length > 0) {
    const options = given.map(([name]) => `--${name}`).join(', ')
    throw new MayflyError('MAYFLY_OPTION_INVALID', `${options}: the guests of ${text} have that of their own`, {
      hint: 'Change it where the guest is defined.',
    })
  }
  const [first, ...more] = await guestsNamed(text)
  if (more.length === 0) return first!.guest
  throw new MayflyError(
    'MAYFLY_OPTION_INVALID',
    `${text} ${isModule(text) ? 'exports' : 'defines'} ${more.length + 1} guests`,
    {
      hint: `Name one of them: ${[first!, ...more].map(({ name }) => name).join(', ')}`,
    },
  )
}

function imageNamed(image: string, spec: Omit<GuestSpec, 'image'>): Guest {
  try {
    return defineGuest({ ...spec, image: imageWritten(image) ?? image })
  } catch (error) {
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_IMAGE_NOT_FOUND') throw error
    const suggestion = nearest(image, [...NAMES, ...catalogueNames()])
    throw new MayflyError(error.code, `unknown guest: ${JSON.stringify(image)}`, {
      hint: suggestion
        ? `Did you mean ${suggestion}?`
        : "Known guests are micro and debian, with a release if you like, such as 'debian:trixie', and those of mayfly image ls --catalogue; or name a disk (./disk.qcow2), or a module or a VMFile that has some: ./guests.ts, VMFile.kdl",
    })
  }
}
