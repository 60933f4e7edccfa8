import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { Image } from '../image/image.js'
import {
  type DirectoryContents,
  directoryContentsSchema,
  findDamagedFile,
  recordContents,
} from '../image/verified-files.js'
import type { DiskLayer, StateKind } from '../qemu/argv.js'
import { readSealed, writeSealed } from '../sealed-json.js'
import type { Ingredients } from './cache-key.js'
import { FILES } from './machine.js'
import { type TemplateManifest, templateManifestSchema } from './manifest.js'

/** Counted up whenever an older Mayfly could not make sense of it. */
const VERSION = 2

/** What a kept checkpoint says of itself, so that whoever finds it can tell what it needs. */
export interface KeptManifest {
  version: typeof VERSION
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
  /** What the files must hold. */
  files: DirectoryContents
}

/** Its name in the directory of a kept checkpoint. */
const MANIFEST = 'machine.json'

const text = z.string()
const schema = z.looseObject({ version: z.int() })
const versionSchema: z.ZodType<KeptManifest> = z.looseObject({
  version: z.literal(VERSION),
  format: z.int(),
  takenAt: text,
  vm: z.object({ id: text, name: text }),
  guest: z.looseObject({
    name: text,
    cpus: z.int(),
    memoryBytes: z.int(),
    diskBytes: z.int(),
    arch: z.enum(['x64', 'arm64']),
    hostname: text,
    network: z.looseObject({ mode: text }),
    ssh: z.looseObject({ user: text }),
  }),
  image: z.object({
    name: text,
    digest: text,
    cmdline: z.array(text),
    features: z.object({ seed: z.boolean(), agent: z.boolean() }),
  }),
  template: templateManifestSchema,
  ingredients: z.looseObject({ host: z.looseObject({ argv: z.array(text) }) }),
  state: z.enum(['migration', 'devices']),
  identity: z.object({ hostKey: text, hostname: text, archive: text }).optional(),
  layers: z.array(z.object({ file: text.regex(/^\w[\w.-]*$/), format: z.enum(['qcow2', 'raw']) })),
  files: directoryContentsSchema,
}) as never

/** Reads the files that `directory` holds through, and writes the manifest beside them: without it, there is no kept checkpoint. */
export async function writeKept(
  directory: string,
  names: readonly string[],
  manifest: Omit<KeptManifest, 'files' | 'version'>,
): Promise<void> {
  const complete: KeptManifest = { version: VERSION, ...manifest, files: await recordContents(directory, names) }
  await writeSealed(join(directory, MANIFEST), complete)
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
  const path = join(directory, MANIFEST)
  const any = await readSealed(path, schema, { unsealed: true })
  if (any === undefined) throw unusable(directory, `it has no ${MANIFEST}`)
  if (typeof any === 'object' && any.version !== VERSION) {
    throw unusable(directory, `its ${MANIFEST} is of another version of Mayfly`)
  }
  const manifest = typeof any === 'string' ? any : await readSealed(path, versionSchema)
  if (typeof manifest === 'object') return manifest
  throw unusable(directory, `its ${MANIFEST} is damaged`, manifest === undefined ? [] : [manifest])
}

/** Why it must not be resumed, if its files are not as they were kept. */
export async function findKeptDamage(directory: string, { files }: KeptManifest): Promise<string | undefined> {
  return await findDamagedFile(directory, files, { always: [FILES.state] })
}

export function unusable(directory: string, why: string, details: readonly string[] = [], hint?: string): MayflyError {
  return new MayflyError('MAYFLY_CHECKPOINT_UNUSABLE', `${directory} cannot be opened: ${why}`, { details, hint })
}
