import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { MayflyError } from '../errors.js'
import type { Checksum, ChecksumAlgorithm } from './download/checksum.js'

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

/** @throws MayflyError MAYFLY_IMAGE_CHECKSUM_MISMATCH, MAYFLY_IMAGE_NOT_FOUND when it cannot be read. */
export async function assertChecksum(path: string, { algorithm, hex }: Checksum): Promise<void> {
  const found = algorithm === 'sha256' ? await fileDigest(path) : await digest(path, algorithm)
  if (found === hex) return
  throw new MayflyError('MAYFLY_IMAGE_CHECKSUM_MISMATCH', `${path} is not what it should be`, {
    details: [`expected ${algorithm} ${hex}`, `found ${algorithm} ${found}`],
    hint: 'Get the file again, or correct what is expected.',
  })
}

async function digest(path: string, algorithm: ChecksumAlgorithm = 'sha256'): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash).catch(unreadable(path))
  return hash.digest('hex')
}

/** Says which file it is that cannot be read. */
export function unreadable(path: string) {
  return (error: unknown): never => {
    throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `cannot read ${path}`, { details: [String(error)], cause: error })
  }
}
