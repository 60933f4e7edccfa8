import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { MayflyError } from '../errors.js'

const known = new Map<string, Promise<string>>()

/**
 * SHA-256 of a file in hex, read once per process for as long as its size and times stay the same: a disk takes seconds.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND when it cannot be read.
 */
export async function fileDigest(path: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true }).catch(unreadable(path))
  const key = [path, ino, size, mtimeNs, ctimeNs].join(' ')
  const answer = known.get(key) ?? digest(path)
  known.set(key, answer)
  answer.catch(() => known.delete(key))
  return await answer
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash).catch(unreadable(path))
  return hash.digest('hex')
}

/** Says which file it is that cannot be read. */
export function unreadable(path: string) {
  return (error: unknown): never => {
    throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `cannot read ${path}`, { details: [String(error)], cause: error })
  }
}
