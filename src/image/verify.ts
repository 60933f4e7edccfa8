import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { builtDigest } from './embedded.js'
import { readImage } from './resolve.js'
import type { StoredImage } from './stored.js'

/**
 * Reads an image of the store over.
 * @returns what is wrong with it, in a clause for people; undefined if nothing is.
 */
export async function verifyImage({ directory, disk, digest }: StoredImage): Promise<string | undefined> {
  if (digest === undefined) return 'its manifest is missing or damaged'
  try {
    const found = disk
      ? await fileDigestBy(digest, disk.disk.path)
      : await builtDigest('', (await readImage(directory))!)
    return found === digest ? undefined : `its digest is ${found} now`
  } catch (error) {
    return String(error)
  }
}

/** Not from memory, as `fileDigest` may have it: the file is to be read. */
async function fileDigestBy(digest: string, path: string): Promise<string> {
  const [algorithm = ''] = digest.split(':')
  const hash = createHash(algorithm)
  for await (const block of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(block as Buffer)
  return `${algorithm}:${hash.digest('hex')}`
}
