import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** An absolute path without symbolic links, also where the end of it does not exist yet. */
export function canonicalPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return dirname(path) === path ? path : join(canonicalPath(dirname(path)), basename(path))
  }
}
