import { createHash } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import type { Arch } from '../host/host-arch.js'
import { type Progress, warn } from '../host/progress.js'
import { buildEmbedded, embeddedRecipe, recipeKey } from './embedded.js'
import { fileDigest } from './file-digest.js'
import type { Image } from './image.js'
import { findImageDamage, isDiskManifest, readImageManifest, writeImageManifest } from './image-manifest.js'
import { type EmbeddedImage, type ImageReference, isBootable, type KernelImage } from './reference.js'
import { publish, type Store, withLock } from './store.js'
import { soundDisk } from './whole-disk.js'
import type { Workshop } from './workshop.js'

export interface ResolveOptions {
  store: Store
  /** Where an image is built before it is moved into the store: the session. */
  workshop: Workshop
  progress: Progress
  /** Which image of a name that has several. Default: the host's. */
  arch?: Arch | undefined
  signal?: AbortSignal | undefined
}

/**
 * The image behind a guest's reference, built now if the store does not have it.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND, MAYFLY_IMAGE_CORRUPT, MAYFLY_BUILD_FAILED, MAYFLY_TOOL_MISSING, MAYFLY_CACHE_UNUSABLE.
 */
export async function resolveImage(reference: ImageReference, options: ResolveOptions): Promise<Image> {
  if (isBootable(reference)) return await (await import('./bootable.js')).resolveBootable(reference, options)
  return 'name' in reference ? embedded(reference, options) : kernel(reference)
}

async function embedded({ name, ...settings }: EmbeddedImage, options: ResolveOptions): Promise<Image> {
  const { store, workshop, progress, signal } = options
  const recipe = embeddedRecipe(name, settings, options.arch)
  const key = recipeKey(recipe)
  const target = join(store.images, key)
  const find = async () => {
    const found = await findBuilt(target)
    if (typeof found === 'string') warn(progress, `the image ${name} is built again: ${found}`)
    return typeof found === 'string' ? undefined : found
  }
  const cached = await findBuilt(target)
  if (typeof cached === 'object') {
    progress.cached(`image ${name}`)
    return cached
  }
  const onWait = () => progress.note(`another process is building ${name}; waiting for it`)
  return await withLock(store, `image-${key}`, { onWait, signal }, async () => {
    const built = await find()
    if (built) return built
    await progress.step(`build ${name}`, (log) =>
      publish(store, workshop.directory, target, async (staging) => {
        const { scratchPrefix } = workshop
        const image = await buildEmbedded(recipe, staging, {
          log,
          signal,
          env: workshop.childEnvironment(),
          scratchPrefix,
        })
        await writeImageManifest(staging, { ...image, architecture: recipe.architecture })
      }),
    )
    const image = await find()
    if (image) return image
    throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `the image ${name} is not in the store just after it was built`)
  })
}

/** A built image of the store; undefined if there is none, a clause that says why if it cannot be used. */
async function findBuilt(dir: string): Promise<Image | string | undefined> {
  const manifest = await readImageManifest(dir)
  if (typeof manifest === 'string') return `its manifest is damaged: ${manifest}`
  if (manifest === undefined) return undefined
  if (isDiskManifest(manifest)) return 'its manifest is that of another image'
  const damage = await findImageDamage(dir, manifest)
  if (damage) return damage
  const at = (path: string | undefined) => path && join(dir, path)
  const { name, digest, kernel, firmwareKernel, initrd, cmdline, features, disk } = manifest
  return {
    ...{ name, digest, dir, cmdline, features },
    kernel: at(kernel),
    firmwareKernel: at(firmwareKernel),
    initrd: at(initrd),
    disk: disk && { ...disk, path: join(dir, disk.path) },
  }
}

async function kernel(reference: KernelImage): Promise<Image> {
  const path = {
    kernel: resolve(reference.kernel),
    initrd: reference.initrd === undefined ? undefined : resolve(reference.initrd),
  }
  const disk = reference.disk === undefined ? undefined : await ownDisk(resolve(reference.disk))
  const digestOf = async (file: string | undefined) => file && (await fileDigest(file))
  const files = await Promise.all([path.kernel, path.initrd, disk?.path].map(digestOf))
  const { cmdline, agent } = reference
  const hash = createHash('sha256').update(JSON.stringify([cmdline, agent, files]))
  return {
    name: basename(path.kernel),
    digest: `sha256:${hash.digest('hex')}`,
    dir: dirname(path.kernel),
    ...path,
    cmdline: reference.cmdline.split(/\s+/).filter(Boolean),
    disk,
    features: { seed: true, agent: reference.agent },
  }
}

/** A disk the user brought. */
async function ownDisk(path: string): Promise<Image['disk']> {
  return { path, ...(await soundDisk(path)) }
}
