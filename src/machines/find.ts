import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { nearest } from '../nearest.js'
import { type DataDirectory, dataDirectory } from './data-directory.js'
import { assertMachineName, namesMeant } from './name.js'
import { type Machine, readMachine } from './record.js'

/** Names of the machines that there are, also of those whose record cannot be read. */
export async function machineNames(data: DataDirectory = dataDirectory()): Promise<string[]> {
  const names = await readdir(data.machines).catch(() => [])
  return names.filter((name) => !name.startsWith('.')).sort()
}

export interface ListedMachines {
  machines: Machine[]
  /** Why records could not be read, by name. */
  damaged: { name: string; error: MayflyError }[]
}

/** Every named machine. */
export async function listMachines(data: DataDirectory = dataDirectory()): Promise<ListedMachines> {
  const listed: ListedMachines = { machines: [], damaged: [] }
  const read = async (name: string) => {
    try {
      return await readMachine(join(data.machines, name))
    } catch (error) {
      if (error instanceof MayflyError) listed.damaged.push({ name, error })
      else throw error
    }
  }
  const found = await Promise.all((await machineNames(data)).map(read))
  listed.machines = found.filter((machine) => machine !== undefined)
  return listed
}

/** The machine of exactly this name, if there is one. @throws MayflyError MAYFLY_OPTION_INVALID, MAYFLY_VM_STATE. */
export async function machineNamed(name: string, data: DataDirectory = dataDirectory()): Promise<Machine | undefined> {
  assertMachineName(name)
  const machine = await readMachine(join(data.machines, name))
  return machine && (await import('./record-schema.js')).assertSound(machine)
}

/**
 * The machine that is meant by a name or by the beginning of one.
 * @throws MayflyError MAYFLY_OPTION_INVALID with the nearest name, MAYFLY_VM_STATE when its record cannot be read.
 */
export async function findMachine(typed: string, data: DataDirectory = dataDirectory()): Promise<Machine> {
  const names = await machineNames(data)
  const meant = namesMeant(typed, names)
  if (meant.length !== 1) throw noMachine(typed, meant, names)
  const machine = await readMachine(join(data.machines, meant[0]!))
  if (!machine) throw noMachine(typed, [], names)
  return (await import('./record-schema.js')).assertSound(machine)
}

/** Why a typed name is none of those that there are. @param see where they are shown. */
export function unknownName(
  what: string,
  typed: string,
  meant: readonly string[],
  names: readonly string[],
  see = 'mayfly list shows those that there are.',
): MayflyError {
  if (meant.length > 1) {
    return new MayflyError('MAYFLY_OPTION_INVALID', `several ${what}s begin with ${JSON.stringify(typed)}`, {
      hint: `Which one: ${meant.join(', ')}?`,
    })
  }
  const suggestion = nearest(typed, names)
  return new MayflyError('MAYFLY_OPTION_INVALID', `there is no ${what} ${JSON.stringify(typed)}`, {
    hint: suggestion ? `Did you mean ${suggestion}?` : see,
  })
}

export function noMachine(typed: string, meant: readonly string[], names: readonly string[]): MayflyError {
  return unknownName(
    'machine',
    typed,
    meant,
    names,
    names.length === 0 ? 'There is none; mayfly create makes one.' : undefined,
  )
}
