import { readdir, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** A directory of a session with one symlink for each path that is removed when the session ends. */
export const STAGING = 'staging'

/** Removes what the session in `directory` was putting together elsewhere. */
export async function removeStaging(directory: string): Promise<void> {
  const staging = join(directory, STAGING)
  for (const name of await readdir(staging).catch(() => [])) {
    const path = await readlink(join(staging, name)).catch(() => undefined)
    if (path !== undefined) await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}
