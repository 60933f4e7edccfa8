import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errnoOf, messageOf } from '../errors.js'
import { formatBytes, GIB } from '../units.js'
import { type Check, fail, ok, warn } from './check.js'

// One debian image with its template takes about 2 GiB.
const ENOUGH_BYTES = 4 * GIB
const LEAST_BYTES = GIB

/** Whether images and templates can be kept in `cacheDir`; it need not exist yet, and is not created. */
export async function checkCacheDirectory(cacheDir: string): Promise<Check> {
  const name = 'cache directory'
  const elsewhere = 'Set MAYFLY_CACHE_DIR to a directory that can be written.'
  try {
    const directory = await nearestExisting(resolve(cacheDir))
    if (!(await stat(directory)).isDirectory()) return fail(name, `${directory} is not a directory`, elsewhere)
    await access(directory, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = await statfs(directory)
    const free = bavail * bsize
    const found = `${cacheDir}, ${formatBytes(free)} free`
    if (free >= ENOUGH_BYTES) return ok(name, found)
    const hint = `Make room with \`mayfly gc\`, or set MAYFLY_CACHE_DIR to a disk with ${formatBytes(ENOUGH_BYTES)} free.`
    return (free < LEAST_BYTES ? fail : warn)(name, found, hint)
  } catch (error) {
    return fail(name, `${cacheDir} cannot be written (${errnoOf(error) ?? messageOf(error)})`, elsewhere)
  }
}

async function nearestExisting(path: string): Promise<string> {
  try {
    await stat(path)
    return path
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    return nearestExisting(dirname(path))
  }
}
