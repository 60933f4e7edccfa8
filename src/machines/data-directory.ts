import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import { canonicalPath } from '../host/canonical-path.js'
import { homeDirectory } from '../host/home-directory.js'

/** Where named machines live: the user's own, unlike the cache, which can be made again. */
export interface DataDirectory {
  root: string
  /** `machines/<name>/`: one machine each. Entries that begin with a dot are on their way in or out. */
  machines: string
  /** `locks/<name>.lock`: they stay when their machine goes, for whoever waits on one. */
  locks: string
}

/** `MAYFLY_DATA_DIR`, or `mayfly` below `$XDG_DATA_HOME` or `~/.local/share`. */
export function dataDirectory(env: NodeJS.ProcessEnv = process.env): DataDirectory {
  const given =
    env.MAYFLY_DATA_DIR || join(env.XDG_DATA_HOME || join(homeDirectory('MAYFLY_DATA_DIR'), '.local/share'), 'mayfly')
  // Processes are found by the path of their machine, so there must be one for each.
  const root = canonicalPath(resolve(given))
  return { root, machines: join(root, 'machines'), locks: join(root, 'locks') }
}

/**
 * Makes its directories (mode 0700: they hold private keys).
 * @throws MayflyError MAYFLY_CACHE_UNUSABLE.
 */
export async function makeDataDirectory(data: DataDirectory): Promise<void> {
  try {
    for (const path of [data.root, data.machines, data.locks]) await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new MayflyError('MAYFLY_CACHE_UNUSABLE', `the data directory cannot be used: ${data.root}`, {
      details: [String(error)],
      hint: 'Make it writable, or set MAYFLY_DATA_DIR to a directory that is.',
      cause: error,
    })
  }
}
