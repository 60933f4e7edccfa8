import { basename, dirname, resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import { type Arch, hostArch } from '../host/host-arch.js'
import { catalogueImage, parseArchitecture } from './catalogue.js'
import { compressionOfFile } from './decompress.js'
import { mirrorsOf } from './download/mirrors.js'
import { assertChecksum, fileDigest } from './file-digest.js'
import type { Image } from './image.js'
import { importDisk } from './import-disk.js'
import { type PullOptions, pullUrl, type UrlSource } from './pull.js'
import { type BootableDisk, imageTitle } from './reference.js'
import { soundDisk } from './whole-disk.js'

/**
 * A disk with a boot loader: a file where it lies, or what was pulled. What the store has is taken without asking
 * whether there is something newer: that is for `mayfly image pull`.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND, MAYFLY_IMAGE_CORRUPT, MAYFLY_IMAGE_CHECKSUM_MISMATCH, or as `pullUrl`.
 */
export async function resolveBootable(
  reference: BootableDisk,
  options: Pick<PullOptions, 'store' | 'workshop' | 'progress' | 'signal'> & { arch?: Arch | undefined },
): Promise<Image> {
  if ('path' in reference) return await ownDisk(resolve(reference.path), reference.sha256, options)
  const source = sourceOf(reference, options.arch ?? hostArch())
  const { image } = await pullUrl(source, { ...options, mirrors: mirrorsOf(), ifMissing: true })
  return { ...bootable(source.name, image), dir: image.dir }
}

function sourceOf(reference: Exclude<BootableDisk, { path: string }>, arch: Arch): UrlSource {
  if ('url' in reference) {
    const { url, sha256 } = reference
    const checksum = sha256 === undefined ? undefined : { algorithm: 'sha256' as const, hex: sha256 }
    return { name: imageTitle(reference), url, checksum }
  }
  const found = catalogueImage(reference.catalogue, parseArchitecture(arch))
  if (found) return found
  throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `the catalogue has no image ${reference.catalogue}`)
}

/** A file of the user's is read where it is, unless it has to be unpacked. */
async function ownDisk(
  path: string,
  expected: string | undefined,
  options: Parameters<typeof importDisk>[1],
): Promise<Image> {
  if (expected !== undefined) await assertChecksum(path, { algorithm: 'sha256', hex: expected })
  if ((await compressionOfFile(path)) !== undefined) {
    const { image } = await importDisk({ path }, options)
    return { ...bootable(basename(path), image), dir: image.dir }
  }
  // Side by side: a disk takes seconds to read.
  const [about, hex] = await Promise.all([soundDisk(path), fileDigest(path)])
  const [disk, digest] = [{ path, ...about }, `sha256:${hex}`]
  return { ...bootable(basename(path), { digest, disk }), dir: dirname(path) }
}

function bootable(
  name: string,
  { digest, disk }: Pick<Image, 'digest'> & Required<Pick<Image, 'disk'>>,
): Omit<Image, 'dir'> {
  return { name, digest, cmdline: [], disk, features: { seed: false, agent: false } }
}
