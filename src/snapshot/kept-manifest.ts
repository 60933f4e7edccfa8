import { createHash } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError, messageOf } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { Image } from '../image/image.js'
import type { DiskLayer, StateKind } from '../qemu/argv.js'
import type { Ingredients } from './cache-key.js'
import { FILES } from './machine.js'
import type { TemplateManifest } from './manifest.js'

/** What a kept checkpoint says of itself, so that whoever finds it can tell what it needs. */
export interface KeptManifest {
  version: 1
  /** Of the machine's files and state: only the same Mayfly format can resume it. */
  format: number
  takenAt: string
  /** Whose moment it is. */
  vm: { id: string; name: string }
  guest: Omit<Guest, 'provision'>
  image: Pick<Image, 'name' | 'digest' | 'cmdline' | 'features'>
  template: TemplateManifest
  ingredients: Ingredients
  state: StateKind
  identity: { hostKey: string; hostname: string; archive: string } | undefined
  /** Its disk, nearest layer first. */
  layers: { file: string; format: DiskLayer['format'] }[]
  /** Sizes of all files, so that one that was cut off or replaced is not resumed. */
  files: Record<string, number>
  stateSha256: string
}

/** Its name in the directory of a kept checkpoint. */
const MANIFEST = 'machine.json'

/** Measures the files that `directory` holds, and writes the manifest beside them: without it, there is no kept checkpoint. */
export async function writeKept(
  directory: string,
  names: readonly string[],
  manifest: Omit<KeptManifest, 'files' | 'stateSha256'>,
): Promise<void> {
  const sizes = names.map(async (name) => [name, await sizeOf(directory, name)])
  const files = Object.fromEntries(await Promise.all(sizes))
  const complete: KeptManifest = { ...manifest, files, stateSha256: await stateDigest(directory) }
  await writeFile(join(directory, MANIFEST), JSON.stringify(complete, null, 2))
}

/** Whether a machine is kept in `directory`. */
export async function isKept(directory: string): Promise<boolean> {
  return await stat(join(directory, MANIFEST)).then(
    () => true,
    () => false,
  )
}

/** @throws MayflyError MAYFLY_CHECKPOINT_UNUSABLE. */
export async function readKept(directory: string): Promise<KeptManifest> {
  const text = await readFile(join(directory, MANIFEST), 'utf8').catch(() => undefined)
  if (text === undefined) throw unusable(directory, `it has no ${MANIFEST}`)
  try {
    const manifest = JSON.parse(text) as KeptManifest
    if (manifest.version === 1) return manifest
  } catch (error) {
    throw unusable(directory, `its ${MANIFEST} is damaged`, [messageOf(error)])
  }
  throw unusable(directory, `its ${MANIFEST} is of another version of Mayfly`)
}

/** Why it must not be resumed, if its files are not as they were kept. */
export async function findKeptDamage(
  directory: string,
  { files, stateSha256 }: KeptManifest,
): Promise<string | undefined> {
  for (const [name, size] of Object.entries(files)) {
    const now = await sizeOf(directory, name).catch(() => undefined)
    if (now === undefined) return `its file ${name} is missing`
    if (now !== size) return `its file ${name} has ${now} bytes instead of ${size}`
  }
  if ((await stateDigest(directory)) !== stateSha256)
    return `its file ${FILES.state} does not have the checksum it was kept with`
  return undefined
}

export function unusable(directory: string, why: string, details: readonly string[] = [], hint?: string): MayflyError {
  return new MayflyError('MAYFLY_CHECKPOINT_UNUSABLE', `${directory} cannot be opened: ${why}`, { details, hint })
}

async function sizeOf(directory: string, name: string): Promise<number> {
  return (await stat(join(directory, name))).size
}

async function stateDigest(directory: string): Promise<string> {
  const state = await readFile(join(directory, FILES.state))
  return createHash('sha256').update(state).digest('hex')
}
