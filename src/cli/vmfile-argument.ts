import { MayflyError } from '../errors.js'
import { defineGuest, type Guest } from '../guest/spec.js'
import { namesMeant } from '../machines/name.js'
import { nearest } from '../nearest.js'
import type { Machine } from '../vmfile/machine.js'
import { parseVmFile } from '../vmfile/parse.js'
import { guestsOf, readVmFile } from '../vmfile/vmfile.js'
import { nearestVmFile, VMFILE } from './nearest-vmfile.js'

/** Options of the commands that act on the machines of a VMFile. */
export interface VmFileOptions {
  file?: string
  name?: string[]
  json?: boolean
}

/** The VMFile that is meant: `--file`, or that of the current directory or the nearest above it. */
function findVmFile(file: string | undefined): string {
  if (file !== undefined) return file
  const path = nearestVmFile()
  if (path !== undefined) return path
  throw new MayflyError('MAYFLY_VMFILE_INVALID', `there is no ${VMFILE} here, nor in a directory above`, {
    hint: `Name one: --file path/to/${VMFILE}`,
  })
}

export interface VmFileMachines {
  /** As it is shown. */
  path: string
  /** Those that are meant, in the order of the file. */
  machines: Machine[]
}

/**
 * The machines of a VMFile that are meant by `names`, or by the beginnings of names; all, without any.
 * @throws MayflyError MAYFLY_VMFILE_INVALID; MAYFLY_OPTION_INVALID for a name that the file does not have.
 */
export function machinesMeant({ file, name = [] }: VmFileOptions, args: readonly string[]): VmFileMachines {
  const path = findVmFile(file)
  const machines = parseVmFile(readVmFile(path), { path })
  const names = machines.map((machine) => machine.name)
  const wanted = [...args, ...name].map((typed) => {
    const meant = namesMeant(typed, names)
    if (meant.length === 1) return meant[0]!
    throw notOne(path, typed, meant, names)
  })
  return { path, machines: machines.filter((machine) => wanted.length === 0 || wanted.includes(machine.name)) }
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

/** What a machine of a VMFile is to be. */
export interface Wanted {
  guest: Guest
  vnc: Machine['vnc']
}

/** The same with their guests, by name. @throws as `machinesMeant`, and for what this version of Mayfly cannot run. */
export function guestsMeant(
  options: VmFileOptions,
  args: readonly string[],
): { path: string; wanted: Map<string, Wanted> } {
  const { path, machines } = machinesMeant(options, args)
  const specs = guestsOf(machines, { stays: true })
  return {
    path,
    wanted: new Map(machines.map(({ name, vnc }) => [name, { guest: defineGuest(specs.get(name)!), vnc }])),
  }
}
