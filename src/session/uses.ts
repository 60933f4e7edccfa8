import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '../errors.js'
import { markUsed } from '../image/last-used.js'
import type { Store } from '../image/store.js'
import { claimedDirectories } from './lasting-claims.js'
import type { Session } from './session.js'
import { isAbandoned, isOwnerAlive, listSessions } from './sweep.js'

/** Below a session's directory: one symbolic link to each directory of the store that it uses, until it ends. */
const USES = 'uses'

/** Makes the place for a session's claims. */
export async function makeUses(sessionDirectory: string): Promise<void> {
  await mkdir(join(sessionDirectory, USES), { mode: 0o700 })
}

interface Holder {
  store: Store
  session: Session
}

/**
 * Finds an image or a template and keeps it, with all that it stands on, from being collected for as long as the session lives.
 * All of it is claimed: a collector that has moved a template away for a moment does not see what that stands on.
 * No lock is needed, which would cost a clone several ms: the claim is made first and the directory looked for afterwards,
 * while a collector moves the directory away first and looks for claims afterwards. At least one of them sees the other.
 */
export async function hold<T>(
  { store, session }: Holder,
  find: () => Promise<T>,
  directoriesOf: (found: T) => readonly string[],
): Promise<T> {
  for (;;) {
    const found = await find()
    // A user's own kernel and disk are not ours to collect, nor their directory ours to write to.
    const ours = directoriesOf(found).filter((path) => [store.images, store.templates].includes(dirname(path)))
    await Promise.all(ours.map((directory) => claim(session, directory)))
    if (!(await Promise.all(ours.map(exists))).every(Boolean)) continue
    await Promise.all(ours.map(markUsed))
    return found
  }
}

async function claim(session: Session, directory: string): Promise<void> {
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 20)
  await symlink(directory, join(session.directory, USES, name)).catch((error) => {
    if (errnoOf(error) !== 'EEXIST') throw error
  })
}

/** The directories that sessions use which are not known to be dead, and those that machines of the user's own stand on. */
export async function usedDirectories(store: Store): Promise<Set<string>> {
  const used = new Set(await claimedDirectories(store))
  for (const session of await listSessions(store)) {
    if (!isOwnerAlive(session) && (await isAbandoned(session))) continue
    const uses = join(session.directory, USES)
    for (const name of await readdir(uses).catch(() => [])) {
      const directory = await readlink(join(uses, name)).catch(() => undefined)
      if (directory !== undefined) used.add(directory)
    }
  }
  return used
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
