import { join } from 'node:path'
import { findImageDamage, findOtherDigest, readImageManifest } from './image-manifest.js'
import type { StoredImage } from './stored.js'
import { findDiskDamage } from './whole-disk.js'

/**
 * Reads an image of the store over.
 * @returns what is wrong with it, in a clause for people; undefined if nothing is.
 */
export async function verifyImage({ directory, damage }: StoredImage): Promise<string | undefined> {
  if (damage !== undefined) return damage
  const manifest = await readImageManifest(directory)
  if (typeof manifest !== 'object') return 'it has just been removed'
  const other = await findOtherDigest(directory, manifest)
  // Where, if that is known.
  if (other) return (manifest.files && (await findImageDamage(directory, manifest, 'all'))) ?? other
  const { disk } = manifest
  return disk && (await findDiskDamage(join(directory, disk.path), disk.format))
}
