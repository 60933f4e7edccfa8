import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { z } from 'zod'
import { errnoOf, MayflyError, messageOf } from '../errors.js'

/** What a file must hold, chunk by chunk, so that a part of it can be checked alone. */
export interface FileContent {
  size: number
  /** 16 hexadecimal digits of each chunk's SHA-256; `0` for one of nothing but zeros. */
  chunks: string[]
}

export const CHUNK_BYTES = 4 * 1024 * 1024
const ZEROS = '0'

export const fileContentSchema = z
  .object({ size: z.int().nonnegative(), chunks: z.array(z.string().regex(/^(?:0|[0-9a-f]{16})$/)) })
  .refine(
    ({ size, chunks }) => chunks.length === Math.ceil(size / CHUNK_BYTES),
    'chunks: another number than its size has',
  )

/** Reads a file through. */
export async function contentOf(path: string): Promise<FileContent> {
  await using file = await open(path)
  const { size } = await file.stat()
  const chunks: string[] = []
  const buffer = Buffer.allocUnsafe(Math.min(size, CHUNK_BYTES))
  for (let index = 0; index * CHUNK_BYTES < size; index++) chunks.push(await digestChunk(file, size, index, buffer))
  return { size, chunks }
}

/**
 * Compares a file with what it must hold.
 * @param only which chunk to read. Default: all of them.
 * @returns what is wrong, in a clause for people; undefined if nothing is.
 */
export async function findContentDamage(
  path: string,
  name: string,
  { size, chunks }: FileContent,
  only?: number,
): Promise<string | undefined> {
  try {
    await using file = await open(path)
    const now = (await file.stat()).size
    if (now !== size) return wrongSize(name, now, size)
    const buffer = Buffer.allocUnsafe(Math.min(size, CHUNK_BYTES))
    for (const index of only === undefined ? chunks.keys() : [only]) {
      if ((await digestChunk(file, size, index, buffer)) === chunks[index]) continue
      return `its file ${name} is damaged between byte ${index * CHUNK_BYTES} and ${Math.min(size, (index + 1) * CHUNK_BYTES)}`
    }
    return undefined
  } catch (error) {
    return unreadable(name, error)
  }
}

export function wrongSize(name: string, now: number, size: number): string {
  return `its file ${name} has ${now} bytes instead of ${size}`
}

export function unreadable(name: string, error: unknown): string {
  return errnoOf(error) === 'ENOENT'
    ? `its file ${name} is missing`
    : `its file ${name} cannot be read: ${messageOf(error)}`
}

let zeros: Buffer | undefined

async function digestChunk(file: FileHandle, size: number, index: number, buffer: Buffer): Promise<string> {
  const position = index * CHUNK_BYTES
  const length = Math.min(CHUNK_BYTES, size - position)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done)
    if (bytesRead === 0)
      throw new MayflyError('MAYFLY_CACHE_UNUSABLE', `a file ended at byte ${position + done} of ${size}`)
    done += bytesRead
  }
  const chunk = buffer.subarray(0, length)
  zeros ??= Buffer.alloc(CHUNK_BYTES)
  if (chunk.equals(zeros.subarray(0, length))) return ZEROS
  return createHash('sha256').update(chunk).digest('hex').slice(0, 16)
}
