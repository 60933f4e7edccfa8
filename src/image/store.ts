import { constants } from 'node:fs'
import { access, mkdir, rename, rm, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errnoOf, MayflyError } from '../errors.js'
import { homeDirectory } from '../host/home-directory.js'
import { temporaryDirectory } from '../host/temporary-directory.js'
import { formatBytes } from '../units.js'
import { acquireLock, type LockOptions } from './lock.js'

/** The cache directory: everything Mayfly keeps, and nothing else. */
export interface Store {
  root: string
  /** `images/<key>/`: kernel, initrd, disk and their manifest. */
  images: string
  /** `templates/<key>/`: RAM file, device state, disk layer and their manifest. */
  templates: string
  /** `sessions/<id>/`: what running processes own. */
  sessions: string
  /** `downloads/<key>/`: what there is of images whose download has not ended. */
  downloads: string
  locks: string
}

/** `MAYFLY_CACHE_DIR`, or `mayfly` below `$XDG_CACHE_HOME` or `~/.cache`. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.MAYFLY_CACHE_DIR) return env.MAYFLY_CACHE_DIR
  return join(env.XDG_CACHE_HOME || join(homeDirectory('MAYFLY_CACHE_DIR'), '.cache'), 'mayfly')
}

/**
 * Opens the store in `cacheDir`, making its directories (mode 0700: RAM files hold guests' secrets).
 * @throws MayflyError MAYFLY_CACHE_UNUSABLE when they cannot be made or written to.
 */
export async function openStore(cacheDir: string = defaultCacheDir()): Promise<Store> {
  // QEMU runs in another directory, and must find the same files.
  const root = resolve(cacheDir)
  const store: Store = {
    root,
    images: join(root, 'images'),
    templates: join(root, 'templates'),
    sessions: join(root, 'sessions'),
    downloads: join(root, 'downloads'),
    locks: join(root, 'locks'),
  }
  try {
    for (const path of Object.values(store)) {
      await mkdir(path, { recursive: true, mode: 0o700 })
      await access(path, constants.W_OK | constants.X_OK)
    }
  } catch (error) {
    throw new MayflyError('MAYFLY_CACHE_UNUSABLE', `the cache directory cannot be used: ${root}`, {
      details: [String(error)],
      hint: 'Make it writable, or set MAYFLY_CACHE_DIR to a directory that is.',
      cause: error,
    })
  }
  return store
}

/** Runs `work` while holding the store's lock `name`; other processes wait. */
export async function withLock<T>(
  store: Store,
  name: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await using _lock = await acquireLock(join(store.locks, `${name}.lock`), options)
  return await work()
}

/**
 * Fills a new directory and moves it to `target` in one step; what stood there before is replaced.
 * When `fill` fails nothing is left, and `target` is as it was.
 * @param workshop where the new directory is made: a session's, so that it goes with its owner.
 */
export async function publish<T>(
  store: Store,
  workshop: string,
  target: string,
  fill: (staging: string) => Promise<T>,
): Promise<T> {
  // tmp looks at TMPDIR even when it is told where else to work, and fails without a word of it.
  temporaryDirectory()
  // Loaded when something is made, which is seldom.
  const { dir: makeDirectory } = await import('tmp-promise')
  const staging = await makeDirectory({ tmpdir: workshop, prefix: 'staging', mode: 0o700 })
  try {
    const result = await fill(staging.path)
    // A directory cannot be renamed over one that is not empty: the old one leaves by the same door, under the caller's lock.
    const old = `${staging.path}.old`
    await rename(target, old).catch(ignoreMissing)
    await rename(staging.path, target)
    await rm(old, { recursive: true, force: true })
    return result
  } catch (error) {
    await rm(staging.path, { recursive: true, force: true })
    throw explainFull(store, error)
  }
}

function ignoreMissing(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error
}

/**
 * Fails before work that would run out of space half-way: a guest whose RAM file cannot grow is killed by SIGBUS.
 * @throws MayflyError MAYFLY_CACHE_UNUSABLE.
 */
export async function assertSpace(store: Store, bytes: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(store.root)
  if (bavail * bsize >= bytes) return
  throw new MayflyError('MAYFLY_CACHE_UNUSABLE', `not enough space in the cache directory ${store.root} for ${what}`, {
    details: [`needed: ${formatBytes(bytes)}, free: ${formatBytes(bavail * bsize)}`],
    hint: 'Free some with `mayfly gc`, or set MAYFLY_CACHE_DIR to a larger file system.',
  })
}

/** A full file system as the error it is, with where and what to do. */
export function explainFull(
  { root }: Pick<Store, 'root'>,
  error: unknown,
  directory: 'cache' | 'data' = 'cache',
): unknown {
  if (!isFull(error)) return error
  const [way, variable] =
    directory === 'cache' ? ['mayfly gc', 'MAYFLY_CACHE_DIR'] : ['mayfly destroy', 'MAYFLY_DATA_DIR']
  return new MayflyError('MAYFLY_CACHE_UNUSABLE', `no space left in the ${directory} directory ${root}`, {
    hint: `Free some with \`${way}\`, or set ${variable} to a larger file system.`,
    cause: error,
  })
}

/** By errno, or by the words of the tool that makes disks. Others, a guest's among them, may mean another place. */
function isFull(error: unknown): boolean {
  if (errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT') return true
  if (!(error instanceof MayflyError) || !error.shortMessage.startsWith('qemu-img ')) return false
  return error.details.some((line) => /No space left on device|Disk quota exceeded/.test(line))
}
