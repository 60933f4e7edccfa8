import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture } from './catalogue-entries.js'
import type { Checksum } from './download/checksum.js'
import type { Validator } from './download/partial.js'
import { MANIFEST } from './manifest.js'
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
  try {
    const image = JSON.parse(await readFile(join(dir, MANIFEST), 'utf8')) as Omit<DiskImage, 'dir'>
    if (image.sources === undefined) return undefined
    const path = join(dir, image.disk.path)
    // The file of a disk that lost power is shorter than its manifest says.
    if ((await stat(path)).size !== image.disk.sizeBytes) return undefined
    return { ...image, dir, disk: { ...image.disk, path } }
  } catch {
    return undefined
  }
}

/** Every disk image of the store that can be used. */
export async function listDiskImages(store: Store): Promise<DiskImage[]> {
  const keys = await readdir(store.images).catch(() => [])
  const images = await Promise.all(keys.map((key) => readDiskImage(join(store.images, key))))
  return images.filter((image) => image !== undefined)
}

/** Writes a manifest; `disk.path` is relative to the directory. */
export async function writeDiskManifest(directory: string, image: Omit<DiskImage, 'dir'>): Promise<void> {
  const path = join(directory, MANIFEST)
  await writeFile(`${path}.new`, JSON.stringify(image, null, 2))
  await rename(`${path}.new`, path)
}
