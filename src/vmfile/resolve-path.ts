import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** A path of a VMFile: from the file's directory, with `~` for the home directory. */
export function resolvePath(path: string, directory: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : resolve(directory, path)
}
