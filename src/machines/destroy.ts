import { randomBytes } from 'node:crypto'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../errors.js'
import { openStore } from '../image/store.js'
import { AbortController } from '../node-globals.js'
import { releaseClaims } from '../session/lasting-claims.js'
import { type DataDirectory, dataDirectory } from './data-directory.js'
import { type LockedOptions, withName } from './lock.js'
import { type Machine, readMachine } from './record.js'
import { killProcesses } from './stop.js'

/**
 * Ends a machine and removes all that is of it. One whose record cannot be read is removed as well.
 * @throws MayflyError MAYFLY_VM_STATE when it cannot be ended.
 */
export async function destroyMachine(
  { name, directory }: Pick<Machine, 'name' | 'directory'>,
  options: LockedOptions = {},
): Promise<void> {
  await withName(name, options, async () => {
    const { data = dataDirectory() } = options
    const machine = await readMachine(directory).catch(() => undefined)
    // By their mark: also what no record tells of.
    await killProcesses({ name, directory })
    const sockets = machine?.record.run?.sockets
    const going = join(data.machines, `.destroyed-${name}-${randomBytes(4).toString('hex')}`)
    await rename(directory, going).catch((error) => {
      if (errnoOf(error) !== 'ENOENT') throw error
    })
    if (machine) await releaseClaims(await openStore(machine.record.cacheDir), directory)
    await rm(going, { recursive: true, force: true })
    if (sockets !== undefined && sockets !== directory) await rm(sockets, { recursive: true, force: true })
    await rm(join(data.machines, `.creating-${name}`), { recursive: true, force: true })
  })
}

/** Removes what commands have left that were killed on the way: machines that were half made, or half gone. */
export async function removeLeftovers(data: DataDirectory = dataDirectory()): Promise<void> {
  for (const entry of await readdir(data.machines).catch(() => [])) {
    const path = join(data.machines, entry)
    // Nobody else wants it; whoever is removing it does not mind.
    if (entry.startsWith('.destroyed-')) await rm(path, { recursive: true, force: true })
    if (entry.startsWith('.creating-'))
      await unlessBusy(entry.slice('.creating-'.length), data, () => rm(path, { recursive: true, force: true }))
  }
}

/** Leaves a name alone that some command is at work on. */
async function unlessBusy(name: string, data: DataDirectory, work: () => Promise<void>): Promise<void> {
  const busy = new AbortController()
  await withName(name, { data, onWait: () => busy.abort(), signal: busy.signal }, work).catch((error) => {
    if (!busy.signal.aborted) throw error
  })
}
