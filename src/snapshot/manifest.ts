import { createHash } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../errors.js'
import type { Ingredients } from './cache-key.js'
import { FILES } from './machine.js'

/** What a template's directory says of itself. */
export interface TemplateManifest {
  name: string
  createdAt: string
  /** Another one each time that the template is made. */
  seal: string
  ingredients: Ingredients
  /** What made it out of its parent, in a line for people: a provision step, or the boot. */
  title: string
  /** The template that it was made from: its guest without the last provision step. */
  parent?: ParentLink | undefined
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

export interface ParentLink {
  key: string
  seal: string
  /** Whether its disk is a layer below this one's; otherwise its disk was copied, and it is not needed any more. */
  stacked: boolean
}

const CHECKED = [FILES.ram, FILES.state, FILES.disk, FILES.overlay] as const
/** Those that depend on how the guest boots. */
const OPTIONAL = [FILES.initrd, FILES.seed, FILES.vars] as const

/** Measures the sealed files in `directory` and writes the manifest beside them: the last act of sealing. */
export async function writeManifest(
  directory: string,
  manifest: Omit<TemplateManifest, 'files' | 'stateSha256'>,
): Promise<TemplateManifest> {
  const files = Object.fromEntries(
    await Promise.all([
      ...CHECKED.map(async (name) => [name, await measure(directory, name)] as const),
      ...OPTIONAL.map(async (name) => [name, await measure(directory, name).catch(ignoreMissing)] as const),
    ]).then((measured) => measured.filter(([, size]) => size !== undefined)),
  ) as TemplateManifest['files']
  const complete = { ...manifest, files, stateSha256: await stateDigest(directory) }
  await writeFile(join(directory, FILES.manifest), JSON.stringify(complete, null, 2), { mode: 0o600 })
  return complete
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

/** Why a sealed template must not be resumed, if its files are not as they were sealed. */
export async function findDamage(directory: string, manifest: TemplateManifest): Promise<string | undefined> {
  for (const name of new Set([...CHECKED, ...Object.keys(manifest.files)])) {
    const damage = await findFileDamage(directory, manifest, name)
    if (damage) return damage
  }
  if ((await stateDigest(directory)) !== manifest.stateSha256)
    return `its file ${FILES.state} does not have the checksum it was sealed with`
  return undefined
}

/** The same of one file. */
export async function findFileDamage(
  directory: string,
  manifest: TemplateManifest,
  name: string,
): Promise<string | undefined> {
  const made = manifest.files[name]
  const now = await measure(directory, name).catch(() => undefined)
  if (!now || !made) return `its file ${name} is missing`
  if (now.size !== made.size) return `its file ${name} has ${now.size} bytes instead of ${made.size}`
  if (now.mtimeMs !== made.mtimeMs) return `its file ${name} was written to after it was sealed`
  return undefined
}

async function measure(directory: string, name: string): Promise<{ size: number; mtimeMs: number }> {
  const { size, mtimeMs } = await stat(join(directory, name))
  return { size, mtimeMs }
}

function ignoreMissing(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}

async function stateDigest(directory: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(directory, FILES.state)))
    .digest('hex')
}
