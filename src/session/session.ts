import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rm, symlink, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errnoOf } from '../errors.js'
import { findProcessesByEnvironment, killAndWait, processStartTime } from '../host/process-table.js'
import type { Store } from '../image/store.js'
import { closeOtherContexts } from './contexts.js'
import { removeStaging, STAGING } from './staging.js'
import { sweep } from './sweep.js'
import { makeUses } from './uses.js'
import { SESSION_VARIABLE, startWatchdog, type Watchdog } from './watchdog.js'

/**
 * This process's ownership of everything it runs: a directory, a mark in the environment of every child, and a watchdog.
 * When the process ends, however it ends, the watchdog kills what bears the mark and removes the directory.
 */
export class Session implements AsyncDisposable {
  readonly id: string
  readonly directory: string
  readonly #owned = new Set<AsyncDisposable>()
  readonly #watchdog: Watchdog
  #closing: Promise<void> | undefined

  private constructor(id: string, directory: string) {
    this.id = id
    this.directory = directory
    // A vitest worker whose main process died goes on to the end of its test; its machines must not.
    const isForkedWorker = process.env.VITEST_POOL_ID !== undefined && process.channel !== undefined
    this.#watchdog = startWatchdog(id, directory, isForkedWorker ? process.ppid : undefined)
  }

  /** Opens a session of its own, after removing what dead ones left. Prefer `currentSession`. */
  static async open(store: Store): Promise<Session> {
    await sweep(store)
    const id = `${process.pid}-${processStartTime(process.pid) ?? 0}-${randomBytes(4).toString('hex')}`
    const directory = join(store.sessions, id)
    await mkdir(directory, { mode: 0o700 })
    await makeUses(directory)
    return new Session(id, directory)
  }

  /** Starts the names of this session's directories in the system's temporary directory; the watchdog removes them too. */
  get scratchPrefix(): string {
    return `mayfly-${this.id}.`
  }

  /**
   * Remembers a path that is about to be made outside of this session's directory, and that is removed with all that it
   * holds when the session ends, however it ends, unless the function that is returned was called before.
   */
  async rememberStaging(path: string): Promise<() => Promise<void>> {
    const directory = join(this.directory, STAGING)
    // Not recursive: a session that has ended must not get its directory back.
    await mkdir(directory).catch((error) => {
      if (errnoOf(error) !== 'EEXIST') throw error
    })
    const link = join(directory, randomBytes(8).toString('hex'))
    await symlink(resolve(path), link)
    return () => unlink(link).catch(() => {})
  }

  /** The environment that marks a child process as ours. */
  childEnvironment(): NodeJS.ProcessEnv {
    return { ...process.env, [SESSION_VARIABLE]: this.id }
  }

  /** Ends `resource` with this session, unless it is disowned before. */
  own(resource: AsyncDisposable): void {
    this.#owned.add(resource)
  }

  disown(resource: AsyncDisposable): void {
    this.#owned.delete(resource)
  }

  get owned(): readonly AsyncDisposable[] {
    return [...this.#owned]
  }

  /** Ends all that is owned, kills what else bears the mark, and removes the directory. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const results = await Promise.allSettled(this.owned.map((resource) => resource[Symbol.asyncDispose]()))
    await killAndWait(await findProcessesByEnvironment(SESSION_VARIABLE, this.id), 10_000)
    await removeStaging(this.directory)
    // The watchdog of a short session may only just have made its lock file there.
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 })
    this.#watchdog.lifeline.end()
    const { process: watchdog } = this.#watchdog
    if (watchdog.exitCode === null && watchdog.pid !== undefined) {
      watchdog.ref()
      await once(watchdog, 'exit')
    }
    const failures = results.filter((result) => result.status === 'rejected').map((result) => result.reason)
    if (failures.length === 1) throw failures[0]
    if (failures.length > 1) throw new AggregateError(failures, 'several machines could not be ended cleanly')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const sessions = new Map<string, Promise<Session>>()

/** The session of this process (or worker thread) in `store`, opened on first use. */
export function currentSession(store: Store): Promise<Session> {
  let session = sessions.get(store.root)
  if (!session) {
    session = closeOtherContexts(closeSessions).then(() => Session.open(store))
    sessions.set(store.root, session)
    session.catch(() => sessions.delete(store.root))
  }
  return session
}

function closeSessions(): Promise<unknown> {
  return Promise.allSettled([...sessions.keys()].map(closeSession))
}

/** Closes this process's session in the store at `root`, if it has one; later use opens another. */
export async function closeSession(root: string): Promise<void> {
  const session = sessions.get(root)
  sessions.delete(root)
  await (await session)?.close()
}
