import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { messageOf } from '../errors.js'
import { isDate, readSealed, writeSealed } from '../sealed-json.js'
import type { DiskImage } from './disk-image.js'
import { type BuiltImage, builtDigest } from './embedded.js'
import { unreadable, wrongSize } from './file-content.js'
import {
  type DirectoryContents,
  directoryContentsSchema,
  type FindDamageOptions,
  findDamagedFile,
  recordContents,
} from './verified-files.js'

/** In every image's directory: what the image is. */
export const MANIFEST = 'manifest.json'

/** Of a guest that Mayfly has built. Paths are names of files beside the manifest. */
export interface BuiltManifest extends BuiltImage {
  /** Undefined if an older Mayfly has built it. */
  architecture?: 'amd64' | 'arm64' | undefined
  files?: DirectoryContents | undefined
}

/** Of a disk that was pulled or imported. */
export interface DiskManifest extends Omit<DiskImage, 'dir'> {
  files?: DirectoryContents | undefined
}

export type ImageManifest = BuiltManifest | DiskManifest

const text = z.string()
const file = text.regex(/^\w[\w.-]*$/, 'expected the name of a file')
const digest = text.regex(/^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/, 'expected a digest')
const bytes = z.int().nonnegative()
const disk = z.object({ path: file, format: z.enum(['qcow2', 'raw']), virtualSizeBytes: bytes })

const builtSchema = z.object({
  name: text.min(1),
  digest,
  kernel: file,
  firmwareKernel: file.optional(),
  initrd: file.optional(),
  disk: disk.optional(),
  cmdline: z.array(text),
  features: z.object({ seed: z.boolean(), agent: z.boolean() }),
  architecture: z.enum(['amd64', 'arm64']).optional(),
  files: directoryContentsSchema.optional(),
})

const diskSchema = z.object({
  name: text.min(1),
  digest,
  disk: disk.extend({ sizeBytes: bytes }),
  sources: z.array(
    z.object({
      name: text.min(1),
      url: text.optional(),
      path: text.optional(),
      architecture: z.enum(['x86_64', 'aarch64']).optional(),
      checksum: z.object({ algorithm: z.enum(['sha256', 'sha512']), hex: text.regex(/^[0-9a-f]+$/) }),
      validator: z.object({ etag: text.optional(), lastModified: text.optional() }).optional(),
      at: text.refine(isDate, 'expected a date'),
    }),
  ),
  files: directoryContentsSchema.optional(),
})

const schema: z.ZodType<ImageManifest> = z.union([diskSchema, builtSchema]) as never

/** Undefined if there is no image in that directory; a clause that says why if its manifest cannot be used. */
export async function readImageManifest(dir: string): Promise<ImageManifest | string | undefined> {
  return await readSealed(join(dir, MANIFEST), schema, { unsealed: true })
}

export function isDiskManifest(manifest: ImageManifest): manifest is DiskManifest {
  return 'sources' in manifest
}

/** Names of the files that are booted. */
export function filesOf(manifest: ImageManifest): string[] {
  const { kernel, firmwareKernel, initrd } = isDiskManifest(manifest) ? ({} as Partial<BuiltManifest>) : manifest
  return [kernel, firmwareKernel, initrd, manifest.disk?.path].filter((name) => name !== undefined)
}

/** Reads the files of an image through, and writes its manifest beside them. */
export async function writeImageManifest(dir: string, manifest: ImageManifest): Promise<void> {
  await rewriteImageManifest(dir, { ...manifest, files: await recordContents(dir, filesOf(manifest)) })
}

/** Of an image whose files are as they were. */
export async function rewriteImageManifest(dir: string, manifest: ImageManifest): Promise<void> {
  await writeSealed(join(dir, MANIFEST), manifest)
}

/** What is wrong with the files of an image, in a clause for people; undefined if nothing is. */
export async function findImageDamage(
  dir: string,
  manifest: ImageManifest,
  read?: FindDamageOptions['read'],
): Promise<string | undefined> {
  const { files } = manifest
  if (files) return await findDamagedFile(dir, files, { names: filesOf(manifest), read })
  // An older Mayfly has written down the digest alone: it is compared once, and the rest is noted then.
  if (read === 'sizes') return await findMissingFile(dir, manifest)
  const damage = await findOtherDigest(dir, manifest)
  if (damage === undefined) await writeImageManifest(dir, manifest).catch(() => {})
  return damage
}

/** Compares the digest of all that is booted. */
export async function findOtherDigest(dir: string, manifest: ImageManifest): Promise<string | undefined> {
  try {
    const found = isDiskManifest(manifest)
      ? await digestOf(join(dir, manifest.disk.path), manifest.digest.split(':')[0]!)
      : await builtDigest(dir, manifest)
    return found === manifest.digest ? undefined : `its digest is ${found} now`
  } catch (error) {
    return messageOf(error)
  }
}

async function findMissingFile(dir: string, manifest: ImageManifest): Promise<string | undefined> {
  for (const name of filesOf(manifest)) {
    const now = await stat(join(dir, name)).catch((error: unknown) => unreadable(name, error))
    if (typeof now === 'string') return now
    const { size } = now
    if (isDiskManifest(manifest) && size !== manifest.disk.sizeBytes)
      return wrongSize(name, size, manifest.disk.sizeBytes)
  }
  return undefined
}

/** Not from memory, as `fileDigest` may have it: the file is read. */
async function digestOf(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm)
  for await (const block of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(block as Buffer)
  return `${algorithm}:${hash.digest('hex')}`
}
