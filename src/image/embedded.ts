import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MayflyError } from '../errors.js'
import { type Arch, hostArch } from '../host/host-arch.js'
import { URL } from '../node-globals.js'
import { GIB, type Size, toBytes } from '../units.js'
import { debianSources } from './apt-sources.js'
import type { Image } from './image.js'
import { type Build, withScratch } from './workshop.js'

/** Counted up whenever the builders change what they make from equal input. */
const BUILDER_VERSION = 5
const SUITES = ['bookworm', 'trixie']

export interface EmbeddedOptions {
  /** Debian release: `bookworm` (default) or `trixie`. */
  suite?: string
  /** Archive to install from, as a URI or a whole `deb` line; otherwise what this host's apt uses. */
  mirror?: string
  /** Debian packages on top; `debian` only. */
  packages?: readonly string[]
  /** Virtual size of the root disk; a number counts GiB. Default 8 GiB; `debian` only. */
  diskSize?: Size
}

/** Everything that decides what a built image holds, as plain data. */
export interface EmbeddedRecipe {
  name: 'micro' | 'debian'
  suite: string
  sources: string[]
  packages: string[]
  diskSizeBytes: number
  architecture: 'amd64' | 'arm64'
}

/** What a builder leaves in its directory: an image whose paths are relative to that directory. */
export type BuiltImage = Omit<Image, 'dir'>

/**
 * The recipe of an embedded guest.
 * @param arch its processor's.
 * @throws MayflyError MAYFLY_OPTION_INVALID for an option the guest does not have.
 */
export function embeddedRecipe(
  name: 'micro' | 'debian',
  options: EmbeddedOptions = {},
  arch: Arch = hostArch(),
): EmbeddedRecipe {
  const { suite = 'bookworm', mirror, packages = [], diskSize = 8 } = options
  if (!SUITES.includes(suite))
    throw invalid(`there is no suite ${JSON.stringify(suite)}`, `Use ${SUITES.join(' or ')}.`)
  if (name === 'micro' && packages.length > 0) {
    throw invalid('micro takes no packages', 'Use the debian image, which has apt.')
  }
  const wrong = packages.find((entry) => !/^[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?$/.test(entry))
  if (wrong !== undefined)
    throw invalid(`not a package name: ${JSON.stringify(wrong)}`, 'Give names as apt takes them.')
  if (name === 'debian' && arch !== 'x64')
    throw invalid('debian is built for x86_64 only', "Use 'micro', or a kernel, an initrd and a disk of your own.")
  const diskSizeBytes = name === 'debian' ? toBytes(diskSize, GIB, 'disk size') : 0
  if (name === 'debian' && diskSizeBytes < 2 * GIB) throw invalid('the disk is too small', 'Give at least 2 GiB.')
  return {
    name,
    suite,
    sources: debianSources(suite, mirror),
    packages: [...new Set(packages)].sort(),
    diskSizeBytes,
    architecture: arch === 'x64' ? 'amd64' : 'arm64',
  }
}

/** sha256 (hex) over the recipe, the guest's own files and the builder's version: equal keys mean equal images. */
export function recipeKey(recipe: EmbeddedRecipe): string {
  const hash = createHash('sha256').update(JSON.stringify([BUILDER_VERSION, recipe]))
  const directory = guestFile('')
  const paths = readdirSync(join(directory, recipe.name), { recursive: true, encoding: 'utf8' })
  for (const path of ['agent.pl', 'dhcp', ...paths.map((path) => join(recipe.name, path)).sort()]) {
    if (!statSync(join(directory, path)).isFile()) continue
    hash.update(`\0${path}\0`).update(readFileSync(join(directory, path)))
  }
  return hash.digest('hex')
}

/**
 * Builds the image into `stagingDir`, an empty directory of the caller.
 * @throws MayflyError MAYFLY_BUILD_FAILED, MAYFLY_TOOL_MISSING, MAYFLY_ABORTED.
 */
export async function buildEmbedded(recipe: EmbeddedRecipe, stagingDir: string, build: Build): Promise<BuiltImage> {
  const buildParts =
    recipe.name === 'micro' ? (await import('./micro.js')).buildMicro : (await import('./debian.js')).buildDebian
  const parts = await withScratch(build, (scratch) => buildParts(recipe, stagingDir, scratch, build))
  return { name: recipe.name, digest: await builtDigest(stagingDir, parts), ...parts }
}

/** Path of a file that goes into the guests, from the source tree as from `dist`. */
export function guestFile(path: string): string {
  return fileURLToPath(new URL(`../../fixtures/guests/${path}`, import.meta.url))
}

/** What names a built image: the digest of all that is booted. Paths may be relative to `directory`. */
export async function builtDigest(
  directory: string,
  parts: Pick<BuiltImage, 'kernel' | 'firmwareKernel' | 'initrd' | 'disk' | 'cmdline'>,
): Promise<string> {
  const hash = createHash('sha256')
  const { kernel, firmwareKernel, initrd, disk } = parts
  for (const path of [kernel, firmwareKernel, initrd, disk?.path].filter((path) => path !== undefined)) {
    for await (const chunk of createReadStream(resolve(directory, path))) hash.update(chunk as Buffer)
  }
  return `sha256:${hash.update(JSON.stringify(parts.cmdline)).digest('hex')}`
}

function invalid(message: string, hint: string): MayflyError {
  return new MayflyError('MAYFLY_OPTION_INVALID', `Embedded guest: ${message}`, { hint })
}
