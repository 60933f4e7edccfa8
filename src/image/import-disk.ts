import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import type { Architecture } from './catalogue-entries.js'
import { compressionOfFile, Decompressor } from './decompress.js'
import { readDiskImage } from './disk-image.js'
import type { Checksum } from './download/checksum.js'
import { assertChecksum, fileDigest, unreadable } from './file-digest.js'
import { convertDisk } from './overlay.js'
import { keepDisk, type Pulled, type PullOptions } from './pull.js'
import { sparseCopy } from './sparse-copy.js'
import { assertSpace, explainFull } from './store.js'
import { soundDisk } from './whole-disk.js'

/** A disk image of the user's own. */
export interface FileSource {
  path: string
  /** Default: the file's. */
  name?: string | undefined
  checksum?: Checksum | undefined
  architecture?: Architecture | undefined
  /** Makes a qcow2 of it, together with the other files that it reads. Otherwise one that reads others is refused. */
  convert?: boolean | undefined
}

const BLOCK_BYTES = 1024 * 1024

/**
 * Copies a disk into the store, unpacked if it is compressed.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND, MAYFLY_IMAGE_CORRUPT, MAYFLY_IMAGE_CHECKSUM_MISMATCH, MAYFLY_CACHE_UNUSABLE.
 */
export async function importDisk(
  source: FileSource,
  options: Pick<PullOptions, 'store' | 'workshop' | 'progress' | 'signal'>,
): Promise<Pulled> {
  const { store, workshop, progress } = options
  const path = resolve(source.path)
  const name = source.name ?? basename(path)
  const stats = await stat(path).catch(unreadable(path))
  if (!stats.isFile()) throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `not a regular file: ${path}`)
  return await progress.step(`import ${name}`, async () => {
    const target = join(workshop.directory, `import-${randomBytes(4).toString('hex')}`)
    try {
      if (source.checksum) await assertChecksum(path, source.checksum)
      await assertSpace(store, 512 * stats.blocks, `a copy of ${path}`)
      const unpacked = await copy(path, target, source.convert ?? false, options)
      const digest = { algorithm: 'sha256' as const, hex: unpacked ?? (await fileDigest(target)) }
      const checksum = { algorithm: 'sha256' as const, hex: await fileDigest(path) }
      const cached = (await readDiskImage(join(store.images, digest.hex))) !== undefined
      const { architecture } = source
      return { image: await keepDisk(target, digest, { name, path, architecture, checksum }, options), cached }
    } catch (error) {
      throw explainFull(store, error)
    } finally {
      await rm(target, { force: true })
    }
  })
}

/** @returns the SHA-256 of the copy, if it is known by now. */
async function copy(
  path: string,
  target: string,
  convert: boolean,
  { workshop, signal }: Pick<PullOptions, 'workshop' | 'signal'>,
): Promise<string | undefined> {
  const compression = await compressionOfFile(path)
  if (compression !== undefined) {
    await using decompressor = await Decompressor.start(compression, target, workshop.childEnvironment())
    for await (const block of createReadStream(path, { highWaterMark: BLOCK_BYTES, signal })) {
      await decompressor.write([block as Buffer])
    }
    return await decompressor.finish()
  }
  if (convert) await convertDisk(path, target)
  else {
    // Before it is copied: it may be large.
    await soundDisk(path)
    await sparseCopy(path, target)
  }
  return undefined
}
