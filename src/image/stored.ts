import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DiskImage, readDiskImage } from './disk-image.js'
import { diskUsage } from './disk-usage.js'
import { lastUsed } from './last-used.js'
import { readImage } from './resolve.js'
import type { Store } from './store.js'

/** An image as it lies in the store. */
export interface StoredImage {
  key: string
  directory: string
  /** `'micro'`, `'debian'`; its key if its manifest cannot be read. */
  name: string
  /** Undefined for an image that cannot be used, whose manifest is missing or damaged. */
  digest: string | undefined
  lastUsedAt: Date
  /** Allocated on disk. */
  bytes: number
  /** What it is, if it was pulled or imported. */
  disk: DiskImage | undefined
}

/** Every image in the store, usable or not. */
export async function listImages(store: Store): Promise<StoredImage[]> {
  const keys = await readdir(store.images).catch(() => [])
  return await Promise.all(
    keys
      .sort((a, b) => a.localeCompare(b))
      .map(async (key) => {
        const directory = join(store.images, key)
        const disk = await readDiskImage(directory)
        const image = disk ?? (await readImage(directory).catch(() => undefined))
        const [lastUsedAt, bytes] = await Promise.all([lastUsed(directory), diskUsage(directory)])
        return { key, directory, name: image?.name ?? key, digest: image?.digest, lastUsedAt, bytes, disk }
      }),
  )
}
