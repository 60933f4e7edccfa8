import { dirname } from 'node:path'
import type { Guest } from '../guest/spec.js'
import { assertMemoryFits } from '../host/memory.js'
import { type Progress, silent, warn } from '../host/progress.js'
import { type CheckedDirectory, checkSomeChunkLater } from '../image/background-check.js'
import type { Image } from '../image/image.js'
import { readImageManifest } from '../image/image-manifest.js'
import { resolveImage } from '../image/resolve.js'
import type { Store } from '../image/store.js'
import { performance } from '../node-globals.js'
import { type Harness, openHarness } from '../session/harness.js'
import { hold } from '../session/uses.js'
import { type Duration, toMilliseconds } from '../units.js'
import { type Ingredients, ingredientsOf } from './cache-key.js'
import { ensureTemplate } from './ensure.js'
import { assertDiskHolds } from './machine-files.js'
import type { Template } from './template.js'

export interface PrepareOptions {
  /** Default: `MAYFLY_CACHE_DIR`, or `mayfly` in the user's cache directory. */
  cacheDir?: string | undefined
  /** For a cold boot, when the template has to be made. Default: 45 s, four times that without hardware acceleration. */
  bootTimeout?: Duration | undefined
  /** Told what is built, booted and sealed. Default: nobody. */
  progress?: Progress | undefined
  /** Ends the work; what it has started so far is destroyed. */
  signal?: AbortSignal | undefined
}

/** Everything a guest's clones have in common. */
export interface Prepared {
  harness: Harness
  guest: Guest
  image: Image
  ingredients: Ingredients
  template: Template
  prepareMs: number
}

/** Builds the image and seals the template of a guest, unless they are there: what `mayfly warm` does. */
export async function prepare(guest: Guest, options: PrepareOptions = {}): Promise<Prepared> {
  const { cacheDir, progress = silent, signal } = options
  const started = performance.now()
  assertMemoryFits(guest.memoryBytes)
  const harness = await openHarness(cacheDir, guest.arch)
  const { store, session } = harness
  const resolving = { store, workshop: session, progress, arch: guest.arch, signal }
  const image = await hold(
    harness,
    () => resolveImage(guest.image, resolving),
    ({ dir }) => [dir],
  )
  assertDiskHolds(guest, image)
  const ingredients = await ingredientsOf(harness, guest, image)
  const bootTimeout = options.bootTimeout === undefined ? undefined : toMilliseconds(options.bootTimeout, 'bootTimeout')
  const ensuring = { harness, guest, image, ingredients, progress, bootTimeout, signal }
  const template = await ensureTemplate(ensuring)
  checkSomeChunkLater(
    () => checkedDirectories(store, guest.name, image, template),
    (line) => warn(progress, line),
  )
  return { harness, guest, image, ingredients, template, prepareMs: performance.now() - started }
}

/** What a machine is resumed from, as far as it is the cache's. */
async function checkedDirectories(
  store: Store,
  name: string,
  image: Image,
  { directory, manifest }: Template,
): Promise<CheckedDirectory[]> {
  const own = dirname(image.dir) === store.images ? await readImageManifest(image.dir) : undefined
  const files = typeof own === 'object' ? (own.files ?? {}) : {}
  return [
    { name: `the template of ${name}`, directory, contents: manifest.files },
    { name: `the image ${image.name}`, directory: image.dir, contents: files },
  ]
}
