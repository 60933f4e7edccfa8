import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture } from './catalogue-entries.js'
import type { Checksum } from './download/checksum.js'
import type { Validator } from './download/partial.js'
import {
  type DiskManifest,
  findImageDamage,
  isDiskManifest,
  readImageManifest,
  rewriteImageManifest,
  writeImageManifest,
} from './image-manifest.js'
import type { Store } from './store.js'

/** Where the bytes of an image came from, once. */
export interface DiskSource {
  /** Of the catalogue, or the file's. */
  name: string
  url?: string | undefined
  /** Of a file on this host. */
  path?: string | undefined
  /** Undefined where only its user knows. */
  architecture?: Architecture | undefined
  /** Of the bytes as they came, which may have been compressed. */
  checksum: Checksum
  validator?: Validator | undefined
  /** When it was looked at last, ISO 8601. */
  at: string
}

/** A disk with firmware and boot loader in the store: pulled or imported, not built. Named by its digest. */
export interface DiskImage {
  /** The first source's. */
  name: string
  /** `sha256:<hex>` or `sha512:<hex>` of the disk's file. */
  digest: string
  dir: string
  disk: {
    /** Absolute. Never written to. */
    path: string
    format: 'qcow2' | 'raw'
    virtualSizeBytes: number
    /** Of the file. */
    sizeBytes: number
  }
  /** Several may have had the same bytes. */
  sources: DiskSource[]
}

/** The disk image in a directory of the store; undefined if there is none, or only a part of one. */
export async function readDiskImage(dir: string): Promise<DiskImage | undefined> {
  const manifest = await readImageManifest(dir)
  if (typeof manifest !== 'object' || !isDiskManifest(manifest)) return undefined
  if (await findImageDamage(dir, manifest, 'sizes')) return undefined
  return diskImage(dir, manifest)
}

/** The same of one that is about to be booted: undefined too, with a note, if its bytes are not what they were. */
export async function readSoundDiskImage(dir: string, note: (line: string) => void): Promise<DiskImage | undefined> {
  const manifest = await readImageManifest(dir)
  if (typeof manifest !== 'object' || !isDiskManifest(manifest)) return undefined
  const damage = await findImageDamage(dir, manifest)
  if (damage === undefined) return diskImage(dir, manifest)
  note(`the image ${manifest.name} is damaged and is not used: ${damage}`)
  return undefined
}

/** A manifest as the image that it is of. */
export function diskImage(dir: string, of: DiskManifest): DiskImage {
  const { files: _, ...manifest } = of
  return { ...manifest, dir, disk: { ...manifest.disk, path: join(dir, manifest.disk.path) } }
}

/** Every disk image of the store that can be used. */
export async function listDiskImages(store: Store): Promise<DiskImage[]> {
  const keys = await readdir(store.images).catch(() => [])
  const images = await Promise.all(keys.map((key) => readDiskImage(join(store.images, key))))
  return images.filter((image) => image !== undefined)
}

/** Writes a manifest beside a new disk; `disk.path` is relative to the directory. */
export async function writeDiskManifest(directory: string, image: Omit<DiskImage, 'dir'>): Promise<void> {
  await writeImageManifest(directory, image)
}

/** Replaces what is said of where an image came from. */
export async function writeSources(dir: string, sources: DiskSource[]): Promise<void> {
  const manifest = await readImageManifest(dir)
  if (typeof manifest === 'object' && isDiskManifest(manifest))
    await rewriteImageManifest(dir, { ...manifest, sources })
}
