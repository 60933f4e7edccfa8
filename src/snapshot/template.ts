import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Image } from '../image/image.js'
import type { Store } from '../image/store.js'
import type { FindDamageOptions } from '../image/verified-files.js'
import type { DiskLayer } from '../qemu/argv.js'
import { differences, guestPart, type Ingredients, templateKey } from './cache-key.js'
import { FILES, type Frozen, imageLayers } from './machine.js'
import { findDamage, type ParentLink, readManifest, type TemplateManifest } from './manifest.js'

/** Damage by which a template can never be used, nor anything that stands on it. */
export const STACKED_ON_ITSELF = 'it is stacked on itself'

/** A guest booted, provisioned, quiet and frozen. */
export interface Template {
  directory: string
  manifest: TemplateManifest
  /** Its disk, nearest layer first: its own, those of the templates it is stacked on, the image's. */
  layers: readonly DiskLayer[]
}

/** What its clones resume from. */
export function frozenTemplate({ directory, layers, manifest }: Template): Frozen {
  const ifThere = (name: string) => (name in manifest.files ? join(directory, name) : undefined)
  return {
    ram: join(directory, FILES.ram),
    state: { path: join(directory, FILES.state), kind: 'migration' },
    layers,
    overlay: join(directory, FILES.overlay),
    seed: ifThere(FILES.seed),
    vars: ifThere(FILES.vars),
  }
}

/** The directories that must stay for as long as a template is used. */
export function neededDirectories({ directory, layers }: Template): string[] {
  return [...new Set([directory, ...layers.map(({ path }) => dirname(path))])]
}

/**
 * The usable template of `ingredients`, or why there is none.
 * `reason` is undefined when there never was one, which needs no explanation.
 */
export async function findTemplate(
  store: Store,
  ingredients: Ingredients,
  image: Image,
): Promise<{ template?: Template; reason?: string }> {
  const key = templateKey(ingredients)
  const directory = join(store.templates, key)
  const manifest = await readManifest(directory)
  if (manifest === undefined) return { reason: await otherHostReason(store, key, ingredients) }
  if (typeof manifest === 'string') return { reason: `its manifest is damaged: ${manifest}` }
  if (templateKey(manifest.ingredients) !== key) return { reason: 'its manifest is that of another template' }
  const damage = await findDamage(directory, manifest)
  if (damage) return { reason: damage }
  const below = await layersBelow(store, manifest)
  if (typeof below === 'string') return { reason: below }
  const own: DiskLayer = { path: join(directory, FILES.disk), format: 'qcow2' }
  return { template: { directory, manifest, layers: [own, ...below, ...imageLayers(image)] } }
}

/**
 * The disk layers of the templates that one is stacked on, nearest first; or why they cannot be used.
 * @param read as `findDamage` has it.
 */
export async function layersBelow(
  store: Store,
  { parent, seal }: Pick<TemplateManifest, 'parent' | 'seal'>,
  read?: FindDamageOptions['read'],
): Promise<DiskLayer[] | string> {
  const layers: DiskLayer[] = []
  const seals = new Set([seal])
  for (let link: ParentLink | undefined = parent; link?.stacked; ) {
    if (seals.has(link.seal)) return STACKED_ON_ITSELF
    seals.add(link.seal)
    const directory = join(store.templates, link.key)
    const manifest = await readManifest(directory)
    if (manifest === undefined) return 'a template that it is stacked on is missing'
    if (typeof manifest === 'string') return `a template that it is stacked on has a damaged manifest: ${manifest}`
    if (manifest.seal !== link.seal) return 'a template that it is stacked on was made again'
    // Of its other files a machine that is stacked on it has no need.
    const damage = await findDamage(directory, manifest, { names: [FILES.disk], read })
    if (damage) return `a template that it is stacked on is damaged: ${damage}`
    layers.push({ path: join(directory, FILES.disk), format: 'qcow2' })
    link = manifest.parent
  }
  return layers
}

/** Says so when this guest was sealed before under conditions that no longer hold. */
async function otherHostReason(store: Store, key: string, ingredients: Ingredients): Promise<string | undefined> {
  const others = (await readdir(store.templates)).filter((name) => guestPart(name) === guestPart(key))
  for (const name of others) {
    const manifest = await readManifest(join(store.templates, name))
    if (typeof manifest !== 'object') continue
    const differing = differences(manifest.ingredients.host, ingredients.host)
    return `the one at hand was made under other conditions: ${differing.join('; ')}`
  }
  return undefined
}
