import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../errors.js'
import type { Image } from '../image/image.js'
import type { Store } from '../image/store.js'
import type { DiskLayer } from '../qemu/argv.js'
import { differences, guestPart, type Ingredients, templateKey } from './cache-key.js'
import { FILES, type Frozen, imageLayers } from './machine.js'

/** A guest booted, provisioned, quiet and frozen. */
export interface Template {
  directory: string
  manifest: TemplateManifest
  /** Its disk, nearest layer first, down to the image's. */
  layers: readonly DiskLayer[]
}

/** What its clones resume from. */
export function frozenTemplate({ directory, layers }: Template): Frozen {
  return {
    ram: join(directory, FILES.ram),
    state: { path: join(directory, FILES.state), kind: 'migration' },
    layers,
    overlay: join(directory, FILES.overlay),
  }
}

export interface TemplateManifest {
  name: string
  createdAt: string
  ingredients: Ingredients
  /** Public host key (one line), pinned by every connection to a clone. */
  hostKey: string
  /** Whether the fix-up agent answered. */
  agent: boolean
  /** What sealing cost, in ms. */
  timings: Record<string, number>
  /** Sizes and times of the files a clone maps, so that one that changed behind our back is not resumed. */
  files: Record<string, { size: number; mtimeMs: number }>
  stateSha256: string
}

const CHECKED = [FILES.ram, FILES.state, FILES.disk, FILES.overlay, FILES.initrd] as const

/** Measures the sealed files in `directory` and writes the manifest beside them: the last act of sealing. */
export async function writeManifest(
  directory: string,
  manifest: Omit<TemplateManifest, 'files' | 'stateSha256'>,
): Promise<TemplateManifest> {
  const files = Object.fromEntries(
    await Promise.all(CHECKED.map(async (name) => [name, await measure(directory, name)])),
  )
  const complete = { ...manifest, files, stateSha256: await stateDigest(directory) }
  await writeFile(join(directory, FILES.manifest), JSON.stringify(complete, null, 2), { mode: 0o600 })
  return complete
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
  const damage = await findDamage(directory, manifest)
  if (damage) return { reason: damage }
  const layers = [{ path: join(directory, FILES.disk), format: 'qcow2' as const }, ...imageLayers(image)]
  return { template: { directory, manifest, layers } }
}

/** Why a sealed template must not be resumed, if its files are not as they were sealed. */
export async function findDamage(directory: string, manifest: TemplateManifest): Promise<string | undefined> {
  for (const name of CHECKED) {
    const made = manifest.files[name]
    const now = await measure(directory, name).catch(() => undefined)
    if (!now || !made) return `its file ${name} is missing`
    if (now.size !== made.size) return `its file ${name} has ${now.size} bytes instead of ${made.size}`
    if (now.mtimeMs !== made.mtimeMs) return `its file ${name} was written to after it was sealed`
  }
  if ((await stateDigest(directory)) !== manifest.stateSha256)
    return `its file ${FILES.state} does not have the checksum it was sealed with`
  return undefined
}

/** Says so when this guest was sealed before under conditions that no longer hold. */
async function otherHostReason(store: Store, key: string, ingredients: Ingredients): Promise<string | undefined> {
  const others = (await readdir(store.templates)).filter((name) => guestPart(name) === guestPart(key))
  for (const name of others) {
    const manifest = await readManifest(join(store.templates, name))
    if (manifest && typeof manifest !== 'string') {
      return `the one at hand was made under other conditions: ${differences(manifest.ingredients.host, ingredients.host).join('; ')}`
    }
  }
  return undefined
}

/** A manifest, undefined when there is none, or the reason why it cannot be read. */
export async function readManifest(directory: string): Promise<TemplateManifest | string | undefined> {
  let text: string
  try {
    text = await readFile(join(directory, FILES.manifest), 'utf8')
  } catch {
    return undefined
  }
  try {
    return JSON.parse(text) as TemplateManifest
  } catch (error) {
    return messageOf(error)
  }
}

async function measure(directory: string, name: string): Promise<{ size: number; mtimeMs: number }> {
  const { size, mtimeMs } = await stat(join(directory, name))
  return { size, mtimeMs }
}

async function stateDigest(directory: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(directory, FILES.state)))
    .digest('hex')
}
