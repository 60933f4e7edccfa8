import { randomBytes } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, MayflyError } from '../errors.js'
import { listPartials } from '../image/download/partial.js'
import { acquireLock } from '../image/lock.js'
import type { Store } from '../image/store.js'
import { listImages } from '../image/stored.js'
import { AbortController, Date } from '../node-globals.js'
import { currentSession, type Session } from '../session/session.js'
import { usedDirectories } from '../session/uses.js'
import { type CollectionPolicy, type Entry, entriesOf, planCollection, type Removal } from './collection-plan.js'
import { foundations, listTemplates } from './stored.js'
import { STACKED_ON_ITSELF } from './template.js'

export interface Collection {
  removed: Removal[]
  /** What was to be removed and was not, because somebody had begun to use it. */
  spared: Removal[]
  /** Bytes that images and templates still take. */
  keptBytes: number
}

/**
 * Removes images and templates that nothing uses, as `policy` has it; with `dryRun` only says which.
 * Damaged ones go whatever the policy is; with `verify` all are read through to find them.
 */
export async function collect(
  store: Store,
  policy: CollectionPolicy,
  { dryRun = false, verify = false } = {},
): Promise<Collection> {
  const [templates, images] = [await listTemplates(store, { verify }), await listImages(store, { verify })]
  const entries = entriesOf(templates, images, await listPartials(store))
  const plan = planCollection(entries, await usedDirectories(store), policy, new Date())
  const removed: Removal[] = []
  const spared: Removal[] = []
  for (const removal of plan) {
    const done = dryRun || (await removeUnused(store, await currentSession(store), removal))
    ;(done ? removed : spared).push(removal)
  }
  const bytes = (list: readonly Entry[]) => list.reduce((sum, entry) => sum + entry.bytes, 0)
  return { removed, spared, keptBytes: bytes(entries) - bytes(removed) }
}

/**
 * Moves a directory out of the store, then deletes it. It is moved to the session's directory, which goes with us if we die half-way.
 * @returns false if it is being made, or somebody uses it.
 */
export async function removeUnused(store: Store, session: Session, entry: Entry): Promise<boolean> {
  const lock = await tryLock(join(store.locks, `${entry.kind}-${entry.key}.lock`))
  if (!lock) return false
  await using _lock = lock
  if (await isNeeded(store, entry)) return false
  const trash = join(session.directory, `collected-${randomBytes(4).toString('hex')}`)
  try {
    await rename(entry.directory, trash)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true
    throw error
  }
  // A claim made before the move is seen now; whoever claims it later does not find it, and waits for our lock.
  if (await isNeeded(store, entry)) {
    await rename(trash, entry.directory)
    return false
  }
  await rm(trash, { recursive: true, force: true })
  return true
}

/** Claims first: whoever makes a template lays claim to what it stands on, until the template is there to see. */
async function isNeeded(store: Store, { kind, directory, digest, damage }: Entry): Promise<boolean> {
  if ((await usedDirectories(store)).has(directory)) return true
  if (damage === STACKED_ON_ITSELF) return false
  const needed = await foundations(store)
  return needed.has(directory) || (kind === 'image' && digest !== undefined && needed.has(digest))
}

/** The lock, or undefined if another process has it: then the entry is being made right now. */
async function tryLock(path: string): Promise<AsyncDisposable | undefined> {
  const giveUp = new AbortController()
  try {
    return await acquireLock(path, { onWait: () => giveUp.abort(), signal: giveUp.signal })
  } catch (error) {
    if (error instanceof MayflyError && error.code === 'MAYFLY_ABORTED') return undefined
    throw error
  }
}
