import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { diskUsage } from '../image/disk-usage.js'
import { lastUsed } from '../image/last-used.js'
import type { Store } from '../image/store.js'
import type { Ingredients } from './cache-key.js'
import { findDamage, readManifest } from './template.js'

/** A template as it lies in the store. */
export interface StoredTemplate {
  key: string
  directory: string
  /** Its guest's name; its key if its manifest cannot be read. */
  name: string
  createdAt: Date | undefined
  lastUsedAt: Date
  /** Allocated on disk. */
  bytes: number
  /** Digest of the image it was booted from. */
  imageDigest: string | undefined
  /** What ran it. */
  host: Ingredients['host'] | undefined
  /** Why it can be used on no host at all. */
  damage: string | undefined
}

/** Every template in the store, usable or not. */
export async function listTemplates(store: Store): Promise<StoredTemplate[]> {
  const keys = await readdir(store.templates).catch(() => [])
  return await Promise.all(
    keys.sort((a, b) => a.localeCompare(b)).map((key) => describe(key, join(store.templates, key))),
  )
}

async function describe(key: string, directory: string): Promise<StoredTemplate> {
  const [lastUsedAt, bytes, read] = await Promise.all([
    lastUsed(directory),
    diskUsage(directory),
    readManifest(directory),
  ])
  const manifest = typeof read === 'string' ? undefined : read
  return {
    key,
    directory,
    name: manifest?.name ?? key,
    createdAt: manifest && new Date(manifest.createdAt),
    lastUsedAt,
    bytes,
    imageDigest: manifest?.ingredients.guest.image,
    host: manifest?.ingredients.host,
    damage: manifest
      ? await findDamage(directory, manifest)
      : `its manifest is ${read === undefined ? 'missing' : 'damaged'}`,
  }
}

/** Digests of the images that some template needs. */
export async function neededImages(store: Store): Promise<Set<string>> {
  const keys = await readdir(store.templates).catch(() => [])
  const manifests = await Promise.all(keys.map((key) => readManifest(join(store.templates, key))))
  return new Set(
    manifests.flatMap((manifest) => (typeof manifest === 'object' ? [manifest.ingredients.guest.image] : [])),
  )
}
