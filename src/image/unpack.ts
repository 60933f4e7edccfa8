import { mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, MayflyError } from '../errors.js'
import { findTool } from '../host/tools.js'
import type { EmbeddedRecipe } from './embedded.js'
import { mmdebstrap, runGroup } from './mmdebstrap.js'
import type { Build } from './workshop.js'

/** Unpacks packages without installing them. Returns the root directory, below `scratch`. */
export async function unpackPackages(
  recipe: EmbeddedRecipe,
  packages: readonly string[],
  scratch: string,
  build: Build,
): Promise<string> {
  const tarball = join(scratch, 'root.tar')
  const { suite, sources, architecture } = recipe
  await mmdebstrap({ suite, architecture, sources, variant: 'extract', packages, tarball }, build)
  const root = join(scratch, 'root')
  const skip = ['./dev/*', './usr/share/doc/*', './usr/share/locale/*', './usr/share/man/*', './usr/share/info/*']
  const args = skip.map((path) => `--exclude=${path}`)
  await mkdir(root)
  await runGroup(await findTool('tar'), ['-C', root, '--no-same-owner', ...args, '-xf', tarball], build)
  await rm(tarball)
  // From trixie on the packages hold /usr paths only; with these links the older paths name the same files.
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    await symlink(join('usr', name), join(root, name)).catch((error) => {
      if (errnoOf(error) !== 'EEXIST') throw error
    })
  }
  return root
}

/** The release of the only kernel in an unpacked root. */
export async function kernelRelease(root: string): Promise<string> {
  const name = (await readdir(join(root, 'boot'))).find((file) => file.startsWith('vmlinuz-'))
  if (!name) throw new MayflyError('MAYFLY_BUILD_FAILED', `There is no kernel in ${root}/boot`)
  return name.slice('vmlinuz-'.length)
}
