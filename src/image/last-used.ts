import { stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../errors.js'
import { Date } from '../node-globals.js'

/** Its modification time is when the directory it stands in was last used. */
const MARKER = 'used'

/** Notes that an image or a template is used now. Never fails: a cache that cannot be written to is still read. */
export async function markUsed(directory: string): Promise<void> {
  const marker = join(directory, MARKER)
  const now = new Date()
  await utimes(marker, now, now)
    .catch((error) => (errnoOf(error) === 'ENOENT' ? writeFile(marker, '') : undefined))
    .catch(() => {})
}

/** When it was last used; if that was never noted, when it was made. */
export async function lastUsed(directory: string): Promise<Date> {
  const marker = await stat(join(directory, MARKER)).catch(() => stat(directory).catch(() => undefined))
  return marker?.mtime ?? new Date(0)
}
