import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'

// Debian leaves these out of an ordinary user's PATH, and mke2fs and sshd live there.
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Absolute path of the first executable file called `name` on PATH (and the sbin directories), if there is one. */
export async function findExecutable(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
  fallbackDirectories: readonly string[] = SYSTEM_DIRECTORIES,
): Promise<string | undefined> {
  const onPath = (env.PATH ?? '').split(delimiter).filter(isAbsolute)
  for (const directory of [...onPath, ...fallbackDirectories]) {
    const path = join(directory, name)
    if (await isExecutableFile(path)) return path
  }
  return undefined
}

/** Whether `path` is a file (or a link to one) that this user may execute. */
export async function isExecutableFile(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
