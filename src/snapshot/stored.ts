import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Arch } from '../host/host-arch.js'
import { diskUsage } from '../image/disk-usage.js'
import { lastUsed } from '../image/last-used.js'
import type { Store } from '../image/store.js'
import { Date } from '../node-globals.js'
import type { Ingredients } from './cache-key.js'
import { findDamage, readManifest, type TemplateManifest } from './manifest.js'
import { layersBelow } from './template.js'

/** A template as it lies in the store. */
export interface StoredTemplate {
  key: string
  directory: string
  /** Its guest's name; its key if its manifest cannot be read. */
  name: string
  /** What made it out of its parent, in a line for people. */
  title: string | undefined
  /** Key of the template that it was made from, which need not be there any more unless it is stacked on it. */
  parent: string | undefined
  /** Whether its disk is a layer over its parent's. */
  stacked: boolean
  createdAt: Date | undefined
  lastUsedAt: Date
  /** Allocated on disk. */
  bytes: number
  /** Digest of the image it was booted from. */
  imageDigest: string | undefined
  /** Of its guest. */
  arch: Arch
  /** Of the Mayfly that made it: only the same can use it. */
  format: number | undefined
  /** What ran it. */
  host: Ingredients['host'] | undefined
  /** Why it can be used on no host at all. */
  damage: string | undefined
}

/** Every template in the store, usable or not. */
export async function listTemplates(store: Store): Promise<StoredTemplate[]> {
  const keys = await readdir(store.templates).catch(() => [])
  return await Promise.all(keys.sort((a, b) => a.localeCompare(b)).map((key) => describe(store, key)))
}

async function describe(store: Store, key: string): Promise<StoredTemplate> {
  const directory = join(store.templates, key)
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
    title: manifest?.title,
    parent: manifest?.parent?.key,
    stacked: manifest?.parent?.stacked ?? false,
    createdAt: manifest && new Date(manifest.createdAt),
    lastUsedAt,
    bytes,
    imageDigest: manifest?.ingredients.guest.image,
    arch: manifest?.ingredients.guest.arch ?? 'x64',
    format: manifest?.ingredients.guest.format,
    host: manifest?.ingredients.host,
    damage: manifest
      ? await findAnyDamage(store, directory, manifest)
      : `its manifest is ${read === undefined ? 'missing' : 'damaged'}`,
  }
}

async function findAnyDamage(store: Store, directory: string, manifest: TemplateManifest): Promise<string | undefined> {
  const damage = await findDamage(directory, manifest)
  if (damage) return damage
  const below = await layersBelow(store, manifest)
  return typeof below === 'string' ? below : undefined
}

/** What the templates of a store stand on: digests of images, and directories of other templates. */
export async function foundations(store: Store): Promise<Set<string>> {
  const keys = await readdir(store.templates).catch(() => [])
  const manifests = await Promise.all(keys.map((key) => readManifest(join(store.templates, key))))
  return new Set(
    manifests.flatMap((manifest) => {
      if (typeof manifest !== 'object') return []
      const { ingredients, parent } = manifest
      return [ingredients.guest.image, ...(parent?.stacked ? [join(store.templates, parent.key)] : [])]
    }),
  )
}
