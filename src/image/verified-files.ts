import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readSealed, writeSealed } from '../sealed-json.js'
import {
  contentOf,
  type FileContent,
  fileContentSchema,
  findContentDamage,
  unreadable,
  wrongSize,
} from './file-content.js'

/** What the files of a directory must hold, by name. */
export type DirectoryContents = Record<string, FileContent>

export const directoryContentsSchema = z.record(z.string(), fileContentSchema)

/**
 * How the files looked to this host when their bytes were last compared: inode, size and times, also that of the last change
 * of anything about the file, which no program can set. It is no part of the manifest, because a copied entry has others.
 */
const VERIFIED = 'verified.json'
const verifiedSchema = z.object({ files: z.record(z.string(), z.string()) })

/** Smaller files are compared every time: reading one takes less than a millisecond. */
const SMALL_BYTES = 1024 * 1024

/** Reads the files through. They must not change any more. */
export async function recordContents(directory: string, names: readonly string[]): Promise<DirectoryContents> {
  const contents: DirectoryContents = {}
  const looks: Record<string, string> = {}
  for (const name of names) {
    const path = join(directory, name)
    looks[name] = (await lookAt(path)).look
    contents[name] = await contentOf(path)
  }
  await noteVerified(directory, looks)
  return contents
}

export interface FindDamageOptions {
  /** Which files. Default: all. */
  names?: readonly string[] | undefined
  /** Read every time, however large. */
  always?: readonly string[] | undefined
  /**
   * `changed`: compares the bytes of small files, and of those that look different from when they were last compared.
   * `all`: compares all bytes. `sizes`: compares sizes alone. Default: `changed`.
   */
  read?: 'changed' | 'all' | 'sizes' | undefined
}

/** What is wrong with the files of a directory, in a clause for people; undefined if nothing is. */
export async function findDamagedFile(
  directory: string,
  contents: DirectoryContents,
  { names = Object.keys(contents), always = [], read = 'changed' }: FindDamageOptions = {},
): Promise<string | undefined> {
  const seen = read === 'changed' ? await readVerified(directory) : {}
  const looks: Record<string, string> = {}
  for (const name of names) {
    const content = contents[name]
    if (!content) return `its file ${name} is missing`
    const path = join(directory, name)
    const now = await lookAt(path).catch((error: unknown) => unreadable(name, error))
    if (typeof now === 'string') return now
    if (now.size !== content.size) return wrongSize(name, now.size, content.size)
    if (read === 'sizes') continue
    const known = seen[name] === now.look
    if (read === 'all' || !known || content.size <= SMALL_BYTES || always.includes(name)) {
      const damage = await findContentDamage(path, name, content)
      if (damage) return damage
    }
    if (!known) looks[name] = now.look
  }
  if (Object.keys(looks).length > 0) await noteVerified(directory, looks)
  return undefined
}

/** Has the files compared byte by byte when they are used next. */
export async function distrust(directory: string): Promise<void> {
  await writeSealed(join(directory, VERIFIED), { files: {} })
}

async function readVerified(directory: string): Promise<Record<string, string>> {
  const verified = await readSealed(join(directory, VERIFIED), verifiedSchema)
  return typeof verified === 'object' ? verified.files : {}
}

/** A cache that cannot be written to is still read. */
async function noteVerified(directory: string, looks: Record<string, string>): Promise<void> {
  const files = { ...(await readVerified(directory)), ...looks }
  await writeSealed(join(directory, VERIFIED), { files }).catch(() => {})
}

async function lookAt(path: string): Promise<{ size: number; look: string }> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  return { size: Number(size), look: [ino, size, mtimeNs, ctimeNs].join(' ') }
}
