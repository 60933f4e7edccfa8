import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { acquireLock } from '../image/lock.js'
import { type DataDirectory, dataDirectory, makeDataDirectory } from './data-directory.js'
import { type Machine, readMachine } from './record.js'
import { settle } from './settle.js'

export interface LockedOptions {
  data?: DataDirectory | undefined
  /** Told once, when another command is at work on the machine. */
  onWait?: (() => void) | undefined
  signal?: AbortSignal | undefined
}

/** Runs `work` while no other command changes the machine of this name, whether there is one or not. */
export function withName<T>(name: string, options: LockedOptions, work: () => Promise<T>): Promise<T> {
  return locked(`${name}.lock`, options, work)
}

/** Runs `work`, which takes several changes of the machine of this name, while no other command is about to bring the same one up. */
export function whileBringingUp<T>(name: string, options: LockedOptions, work: () => Promise<T>): Promise<T> {
  // No name begins with a dot.
  return locked(`.up-${name}.lock`, options, work)
}

async function locked<T>(file: string, options: LockedOptions, work: () => Promise<T>): Promise<T> {
  const { data = dataDirectory(), onWait, signal } = options
  await makeDataDirectory(data)
  await using _lock = await acquireLock(join(data.locks, file), { onWait, signal })
  return await work()
}

/**
 * Runs `work` while no other command changes this machine, with what its record says by then, after what an interrupted command
 * has left is put in order.
 * @throws MayflyError MAYFLY_OPTION_INVALID when it has been destroyed meanwhile.
 */
export function withMachine<T>(
  { name, directory }: Machine,
  options: LockedOptions,
  work: (machine: Machine) => Promise<T>,
): Promise<T> {
  return withName(name, options, async () => {
    const machine = await readMachine(directory)
    if (!machine) throw new MayflyError('MAYFLY_OPTION_INVALID', `${name} has been destroyed meanwhile`)
    return await work(await settle(machine))
  })
}
