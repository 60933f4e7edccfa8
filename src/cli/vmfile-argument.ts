import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import { defineGuest, type Guest } from '../guest/spec.js'
import { namesMeant } from '../machines/name.js'
import { nearest } from '../nearest.js'
import { parseVmFile } from '../vmfile/parse.js'
import { guestsOfVmFile, readVmFile } from '../vmfile/vmfile.js'

/** Options of the commands that act on the machines of a VMFile. */
export interface VmFileOptions {
  file?: string
  name?: string[]
  json?: boolean
}

const NAME = 'VMFile.kdl'

/** The VMFile that is meant: `--file`, or that of the current directory or the nearest above it. */
function findVmFile(file: string | undefined): string {
  if (file !== undefined) return file
  for (let directory = resolve(''); ; directory = dirname(directory)) {
    const path = join(directory, NAME)
    if (existsSync(path)) return relative('', path)
    if (dirname(directory) !== directory) continue
    throw new MayflyError('MAYFLY_VMFILE_INVALID', `there is no ${NAME} here, nor in a directory above`, {
      hint: `Name one: --file path/to/${NAME}`,
    })
  }
}

export interface VmFileMachines {
  /** As it is shown. */
  path: string
  /** Of the machines that are meant, in the order of the file. */
  names: string[]
}

/**
 * The machines of a VMFile that are meant by `names`, or by the beginnings of names; all, without any.
 * @throws MayflyError MAYFLY_VMFILE_INVALID; MAYFLY_OPTION_INVALID for a name that the file does not have.
 */
export function machinesMeant({ file, name = [] }: VmFileOptions, args: readonly string[]): VmFileMachines {
  const path = findVmFile(file)
  const names = parseVmFile(readVmFile(path), { path }).map((machine) => machine.name)
  const wanted = [...args, ...name].map((typed) => {
    const meant = namesMeant(typed, names)
    if (meant.length === 1) return meant[0]!
    throw notOne(path, typed, meant, names)
  })
  return { path, names: wanted.length === 0 ? names : names.filter((known) => wanted.includes(known)) }
}

function notOne(path: string, typed: string, meant: readonly string[], names: readonly string[]): MayflyError {
  const quoted = JSON.stringify(typed)
  const what =
    meant.length > 1 ? `several machines of ${path} begin with ${quoted}` : `${path} has no machine ${quoted}`
  const suggestion = meant.length > 1 ? undefined : nearest(typed, names)
  const known = meant.length > 1 ? meant : names
  return new MayflyError('MAYFLY_OPTION_INVALID', what, {
    hint: suggestion ? `Did you mean ${suggestion}?` : `Which one: ${known.join(', ')}?`,
  })
}

/** Their guests, by name. @throws as `machinesMeant`, and for what this version of Mayfly cannot run. */
export function guestsMeant(
  options: VmFileOptions,
  args: readonly string[],
): { path: string; guests: Map<string, Guest> } {
  const { path, names } = machinesMeant(options, args)
  const specs = guestsOfVmFile(path, names)
  return { path, guests: new Map(Array.from(specs, ([name, spec]) => [name, defineGuest(spec)])) }
}
