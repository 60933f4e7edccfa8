import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Arch } from '../host/host-arch.js'
import { diskUsage } from '../image/disk-usage.js'
import { lastUsed } from '../image/last-used.js'
import type { Store } from '../image/store.js'
import { Date } from '../node-globals.js'
import type { Ingredients } from './cache-key.js'
import { findDamage, readAnyManifest } from './manifest.js'
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

/** Looks at sizes alone, or reads all files through. */
export interface ListOptions {
  verify?: boolean | undefined
}

/** Every template in the store, usable or not. */
export async function listTemplates(store: Store, options: ListOptions = {}): Promise<StoredTemplate[]> {
  const keys = (await readdir(store.templates).catch(() => [])).sort((a, b) => (a < b ? -1 : 1))
  if (!options.verify) return await Promise.all(keys.map((key) => describe(store, key, options)))
  const templates: StoredTemplate[] = []
  // One after the other: each is read through.
  for (const key of keys) templates.push(await describe(store, key, options))
  return templates
}

async function describe(store: Store, key: string, { verify }: ListOptions): Promise<StoredTemplate> {
  const directory = join(store.templates, key)
  const [lastUsedAt, bytes, read] = await Promise.all([
    lastUsed(directory),
    diskUsage(directory),
    readAnyManifest(directory),
  ])
  const whole = typeof read === 'object' ? read : undefined
  const manifest = whole && ('own' in whole ? whole.own : whole.foreign)
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
    damage: await damageOf(store, directory, read, verify ? 'all' : 'sizes'),
  }
}

async function damageOf(
  store: Store,
  directory: string,
  manifest: Awaited<ReturnType<typeof readAnyManifest>>,
  read: 'all' | 'sizes',
): Promise<string | undefined> {
  if (manifest === undefined) return 'its manifest is missing'
  if (typeof manifest === 'string') return `its manifest is damaged: ${manifest}`
  // What another version has made, that version judges.
  if (!('own' in manifest)) return undefined
  const damage = await findDamage(directory, manifest.own, { read })
  if (damage) return damage
  const below = await layersBelow(store, manifest.own, read)
  return typeof below === 'string' ? below : undefined
}

/** What the templates of a store stand on: digests of images, and directories of other templates. */
export async function foundations(store: Store): Promise<Set<string>> {
  const keys = await readdir(store.templates).catch(() => [])
  const manifests = await Promise.all(keys.map((key) => readAnyManifest(join(store.templates, key))))
  return new Set(
    manifests.flatMap((manifest) => {
      if (typeof manifest !== 'object') return []
      const { ingredients, parent } = 'own' in manifest ? manifest.own : manifest.foreign
      return [ingredients.guest.image, ...(parent?.stacked ? [join(store.templates, parent.key)] : [])]
    }),
  )
}
