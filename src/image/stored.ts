import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture } from './catalogue-entries.js'
import { type DiskImage, diskImage } from './disk-image.js'
import { diskUsage } from './disk-usage.js'
import { findImageDamage, type ImageManifest, isDiskManifest, readImageManifest } from './image-manifest.js'
import { kernelArchitecture } from './kernel-architecture.js'
import { lastUsed } from './last-used.js'
import type { Store } from './store.js'

/** An image as it lies in the store. */
export interface StoredImage {
  key: string
  directory: string
  /** `'micro'`, `'debian'`; its key if its manifest cannot be read. */
  name: string
  /** Undefined for an image that cannot be used. */
  digest: string | undefined
  /** Why it cannot be used. */
  damage: string | undefined
  /** Undefined where only its user knows. */
  architecture: Architecture | undefined
  lastUsedAt: Date
  /** Allocated on disk. */
  bytes: number
  /** What it is, if it was pulled or imported. */
  disk: DiskImage | undefined
}

/**
 * Every image in the store, usable or not.
 * @param options.verify reads all files through; otherwise sizes are looked at alone.
 */
export async function listImages(store: Store, { verify = false } = {}): Promise<StoredImage[]> {
  const keys = (await readdir(store.images).catch(() => [])).sort((a, b) => (a < b ? -1 : 1))
  const images: StoredImage[] = []
  if (!verify) return await Promise.all(keys.map((key) => describe(store, key, false)))
  // One after the other: each is read through.
  for (const key of keys) images.push(await describe(store, key, true))
  return images
}

async function describe(store: Store, key: string, verify: boolean): Promise<StoredImage> {
  const directory = join(store.images, key)
  const [read, lastUsedAt, bytes] = await Promise.all([
    readImageManifest(directory),
    lastUsed(directory),
    diskUsage(directory),
  ])
  const manifest = typeof read === 'object' ? read : undefined
  const damage = await damageOf(directory, read, verify)
  return {
    key,
    directory,
    name: manifest?.name ?? key,
    digest: damage === undefined ? manifest?.digest : undefined,
    damage,
    architecture: manifest && (await architectureOf(directory, manifest)),
    lastUsedAt,
    bytes,
    disk: manifest && damage === undefined ? diskOf(directory, manifest) : undefined,
  }
}

async function damageOf(
  directory: string,
  manifest: ImageManifest | string | undefined,
  verify: boolean,
): Promise<string | undefined> {
  if (manifest === undefined) return 'its manifest is missing'
  if (typeof manifest === 'string') return `its manifest is damaged: ${manifest}`
  return await findImageDamage(directory, manifest, verify ? 'all' : 'sizes')
}

async function architectureOf(directory: string, manifest: ImageManifest): Promise<Architecture | undefined> {
  if (isDiskManifest(manifest)) return manifest.sources.findLast(({ architecture }) => architecture)?.architecture
  if (manifest.architecture) return manifest.architecture === 'amd64' ? 'x86_64' : 'aarch64'
  return manifest.kernel === undefined ? undefined : await kernelArchitecture(join(directory, manifest.kernel))
}

function diskOf(dir: string, manifest: ImageManifest): DiskImage | undefined {
  return isDiskManifest(manifest) ? diskImage(dir, manifest) : undefined
}
