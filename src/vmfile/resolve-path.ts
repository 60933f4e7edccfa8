import { join, resolve } from 'node:path'
import { homeDirectory } from '../host/home-directory.js'

/** A path of a VMFile: from the file's directory, with `~` for the home directory. */
export function resolvePath(path: string, directory: string): string {
  return path === '~' || path.startsWith('~/') ? join(homeDirectory(), path.slice(1)) : resolve(directory, path)
}
