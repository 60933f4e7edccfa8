import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuiltPackage } from './built-package.js'

export interface UserProject extends AsyncDisposable {
  directory: string
}

/** A directory with these files, in which `mayfly` is installed. */
export async function userProject(built: BuiltPackage, files: Record<string, string>): Promise<UserProject> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-project-'))
  await mkdir(join(directory, 'node_modules'))
  await symlink(built.directory, join(directory, 'node_modules/mayfly'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
}
