import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import {
  type DirectoryContents,
  directoryContentsSchema,
  type FindDamageOptions,
  findDamagedFile,
  recordContents,
} from '../image/verified-files.js'
import { isDate, readSealed, writeSealed } from '../sealed-json.js'
import type { Ingredients } from './cache-key.js'
import { FORMAT } from './format.js'
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
  /** What the files must hold that a machine is resumed from. */
  files: DirectoryContents
}

export interface ParentLink {
  key: string
  seal: string
  /** Whether its disk is a layer below this one's; otherwise its disk was copied, and it is not needed any more. */
  stacked: boolean
}

const REQUIRED = [FILES.ram, FILES.state, FILES.disk, FILES.overlay, FILES.privateKey] as const
/** Those that depend on how the guest boots. */
const OPTIONAL = [FILES.initrd, FILES.seed, FILES.vars] as const

const text = z.string()
const date = text.refine(isDate, 'expected a date')
/** Names an entry of the cache, and nothing outside of it. */
const key = text.regex(/^\w[\w.-]*$/, 'expected a key')

/** What any version of Mayfly writes: enough to list a template, and to keep what it stands on. */
const anyManifestSchema = z.looseObject({
  name: text,
  createdAt: date,
  seal: text,
  title: text,
  parent: z.looseObject({ key, seal: text, stacked: z.boolean() }).optional(),
  ingredients: z.looseObject({
    guest: z.looseObject({ format: z.int(), name: text, image: text, arch: z.literal('arm64').optional() }),
    host: z.looseObject({ qemu: text, qemuFile: text, accelerator: text, cpu: text, argv: z.array(text) }),
  }),
})

/** What this one resumes from. */
export const templateManifestSchema: z.ZodType<TemplateManifest> = anyManifestSchema.extend({
  ingredients: z.looseObject({
    guest: z.looseObject({
      format: z.literal(FORMAT),
      name: text,
      image: text,
      cpus: z.int(),
      memoryBytes: z.int(),
      diskBytes: z.int(),
      arch: z.literal('arm64').optional(),
      provision: z.array(text),
    }),
    host: anyManifestSchema.shape.ingredients.shape.host,
  }),
  hostKey: text,
  agent: z.boolean(),
  timings: z.record(text, z.number()),
  files: directoryContentsSchema.refine(
    (files) => REQUIRED.every((name) => name in files),
    `expected ${REQUIRED.join(', ')}`,
  ),
}) as never

/** Reads the sealed files in `directory` through, and writes the manifest beside them: the last act of sealing. */
export async function writeManifest(
  directory: string,
  manifest: Omit<TemplateManifest, 'files'>,
): Promise<TemplateManifest> {
  const present = OPTIONAL.filter((name) => existsSync(join(directory, name)))
  const complete = { ...manifest, files: await recordContents(directory, [...REQUIRED, ...present]) }
  await writeSealed(join(directory, FILES.manifest), complete)
  return complete
}

/** A manifest; undefined when there is none; the reason why it cannot be used. */
export async function readManifest(directory: string): Promise<TemplateManifest | string | undefined> {
  return await readSealed(join(directory, FILES.manifest), templateManifestSchema)
}

/** What is known of a template that another version of Mayfly may have made, which this one does not resume. */
export type KnownManifest = Pick<TemplateManifest, 'name' | 'createdAt' | 'seal' | 'title' | 'parent' | 'ingredients'>

/** The same of one of any version; those before checksums have none. */
export async function readAnyManifest(
  directory: string,
): Promise<{ own: TemplateManifest } | { foreign: KnownManifest } | string | undefined> {
  const path = join(directory, FILES.manifest)
  const known = (await readSealed(path, anyManifestSchema as never, { unsealed: true })) as
    | KnownManifest
    | string
    | undefined
  if (typeof known !== 'object') return known
  if (known.ingredients.guest.format !== FORMAT) return { foreign: known }
  const own = await readManifest(directory)
  return typeof own === 'object' ? { own } : own
}

/** Why a sealed template must not be resumed, if its files are not as they were sealed. */
export async function findDamage(
  directory: string,
  manifest: TemplateManifest,
  options: Omit<FindDamageOptions, 'always'> = {},
): Promise<string | undefined> {
  return await findDamagedFile(directory, manifest.files, { ...options, always: [FILES.state] })
}
