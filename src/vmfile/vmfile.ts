import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoOf, MayflyError, messageOf } from '../errors.js'
import type { GuestSpec } from '../guest/spec.js'
import { nearest } from '../nearest.js'
import { formatBytes } from '../units.js'
import { Diagnostics, vmFileError } from './diagnostic.js'
import { toGuestSpec, type Use } from './guest-spec.js'
import { checkHostFiles } from './host-files.js'
import type { Machine } from './machine.js'
import { parseVmFile } from './parse.js'

export interface VmFileOptions {
  /** Machines to take, by their names in the file. Default: all. */
  only?: readonly string[] | undefined
}

/**
 * The guests of a VMFile, for `guestTest` and `launch`, by the names of its machines: `full-example` is `fullExample`.
 * The first call costs the import of the KDL parser, half a second.
 * TypeScript does not see into the file: `vmfile<'web' | 'db'>()` says which guests it has.
 * @param file a path, from the current directory, or a `file:` URL.
 * @throws MayflyError MAYFLY_VMFILE_INVALID with all that is wrong with the file, or that this version of Mayfly cannot run, and where.
 */
export function vmfile<Names extends string = string>(
  file: string | URL = 'VMFile.kdl',
  { only }: VmFileOptions = {},
): Record<Names, GuestSpec> {
  const path = typeof file === 'string' ? file : relative('', fileURLToPath(file))
  const guests: Record<string, GuestSpec> = {}
  for (const [name, spec] of guestsOfVmFile(path, only)) {
    const key = identifier(name)
    if (Object.hasOwn(guests, key)) {
      throw new MayflyError('MAYFLY_VMFILE_INVALID', `two machines of ${path} are called ${key} in a test`, {
        hint: 'Names that differ in more than their hyphens do not clash.',
      })
    }
    guests[key] = spec
  }
  return guests as Record<Names, GuestSpec>
}

/** The same by the names in the file, in its order. */
export function guestsOfVmFile(path: string, only?: readonly string[]): Map<string, GuestSpec> {
  const machines = parseVmFile(readVmFile(path), { path })
  return guestsOf(only ? picked(machines, only, path) : machines)
}

/** Those of machines that have been read. @throws MayflyError MAYFLY_VMFILE_INVALID with all that they cannot be, and where. */
export function guestsOf(machines: readonly Machine[], use: Use = {}): Map<string, GuestSpec> {
  const guests = new Map<string, GuestSpec>()
  const found = new Diagnostics()
  for (const machine of machines) {
    checkHostFiles(machine, found)
    const spec = toGuestSpec(machine, found, use)
    if (spec) guests.set(machine.name, spec)
  }
  if (found.size > 0) throw vmFileError(machines[0]!.places.source, found.sorted)
  return guests
}

/** @throws MayflyError MAYFLY_VMFILE_INVALID when there is none. */
export function readVmFile(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new MayflyError('MAYFLY_VMFILE_INVALID', `cannot read ${path}`, {
      details: [messageOf(error)],
      hint: errnoOf(error) === 'ENOENT' ? 'Paths are resolved from the current directory.' : undefined,
      cause: error,
    })
  }
  return vmFileText(path, bytes)
}

/** Far more than anybody writes. */
const LARGEST_BYTES = 4 * 1024 * 1024

/** @throws MayflyError MAYFLY_VMFILE_INVALID for bytes that are no VMFile's, such as those of a disk image. */
export function vmFileText(path: string, bytes: Buffer): string {
  if (bytes.length <= LARGEST_BYTES && isUtf8(bytes) && !bytes.includes(0)) return bytes.toString()
  const what = bytes.length > LARGEST_BYTES ? `has ${formatBytes(bytes.length)}` : 'is not text in UTF-8'
  throw new MayflyError('MAYFLY_VMFILE_INVALID', `${path} is no VMFile: it ${what}`, {
    hint: 'A VMFile is text in KDL, saved as UTF-8.',
  })
}

function picked(machines: readonly Machine[], only: readonly string[], path: string): Machine[] {
  const names = machines.map(({ name }) => name)
  return only.map((wanted) => {
    const machine = machines.find(({ name }) => name === wanted)
    if (machine) return machine
    const suggestion = nearest(wanted, names)
    throw new MayflyError('MAYFLY_OPTION_INVALID', `${path} has no machine ${JSON.stringify(wanted)}`, {
      hint: suggestion ? `Did you mean ${suggestion}?` : `It has ${names.join(', ')}.`,
    })
  })
}

/** A name that a test can have as a variable. */
function identifier(name: string): string {
  const words = name.split(/[^\p{L}\p{N}_$]+/u).filter((word) => word !== '')
  const joined = words.map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join('')
  return /^\p{N}/u.test(joined) || joined === '' ? `_${joined}` : joined
}
