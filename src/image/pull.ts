import { rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MayflyError } from '../errors.js'
import { warn } from '../host/progress.js'
import { Date, URL } from '../node-globals.js'
import type { Architecture } from './catalogue-entries.js'
import {
  type DiskImage,
  type DiskSource,
  listDiskImages,
  readDiskImage,
  readSoundDiskImage,
  writeDiskManifest,
  writeSources,
} from './disk-image.js'
import { type Checksum, sameChecksum } from './download/checksum.js'
import { Downloader, type DownloadOptions } from './download/download.js'
import { shown } from './download/http.js'
import { downloadKey } from './download/partial.js'
import { publish, type Store, withLock } from './store.js'
import { soundDisk } from './whole-disk.js'

/** An image at an address. */
export interface UrlSource {
  name: string
  url: string
  checksum?: Checksum | { url: string } | undefined
  architecture?: Architecture | undefined
}

export interface PullOptions extends DownloadOptions {
  /** Takes what the store has without asking the publisher for something newer. */
  ifMissing?: boolean | undefined
}

export interface Pulled {
  image: DiskImage
  /** Whether it was in the store. */
  cached: boolean
}

const DISK = 'disk'
const SECTOR_BYTES = 512

/**
 * An image from an address, downloaded now unless the store has what is there. Of several processes that want it, one
 * downloads and the others wait.
 * @throws MayflyError as `Downloader.download`.
 */
export async function pullUrl(source: UrlSource, options: PullOptions): Promise<Pulled> {
  const { store, progress, signal, ifMissing = false } = options
  const startedAt = Date.now()
  const onWait = () => progress.note(`another process is downloading ${source.name}; waiting for it`)
  return await withLock(store, `download-${downloadKey(source.url)}`, { onWait, signal }, async () => {
    const known = await soundOnly(await newestFrom(store, source), options)
    // What another process has pulled while this one waited is as new as it can be.
    if (known && (ifMissing || Date.parse(known.source.at) >= startedAt)) {
      const image = known.source.name === source.name ? known.image : await addName(known, source.name, options)
      if (image) {
        progress.cached(`image ${source.name}`)
        return { image, cached: true }
      }
    }
    await using downloader = await Downloader.open(options)
    return await pullLocked(source, known, downloader, options)
  })
}

/** What is to be booted has the bytes that it had, or is downloaded again. */
async function soundOnly(known: Known | undefined, { progress }: PullOptions): Promise<Known | undefined> {
  return known && (await readSoundDiskImage(known.image.dir, (line) => warn(progress, line))) ? known : undefined
}

async function pullLocked(
  request: UrlSource,
  known: Known | undefined,
  downloader: Downloader,
  options: PullOptions,
): Promise<Pulled> {
  const { name, url, checksum, architecture } = request
  const { store, workshop, progress } = options
  const source = { name, url: shown(url), architecture }
  const expected = checksum && 'url' in checksum ? await downloader.publishedChecksum(checksum.url, url) : checksum
  const same = expected && (await withChecksum(store, expected))
  const equal = same && (await readSoundDiskImage(same.dir, (line) => warn(progress, line)))
  const noted = equal && (await addSource(equal, { ...source, checksum: expected }, options))
  if (noted) {
    progress.cached(`image ${name}`)
    return { image: noted, cached: true }
  }
  if (!expected) progress.note(`${name}: there is no checksum to check it against`)
  const target = join(workshop.directory, `download-${downloadKey(url)}`)
  try {
    const unless = expected ? undefined : known?.source.validator
    const downloaded = await downloader.download({
      name: basename(new URL(url).pathname),
      url,
      expected,
      unless,
      target,
    })
    if (!downloaded) {
      const still = await addName(known!, name, options)
      // A collector has taken it in the meantime.
      if (!still) return await pullLocked(request, undefined, downloader, options)
      progress.cached(`image ${name}`)
      return { image: still, cached: true }
    }
    const { checksum: received, digest, validator } = downloaded
    return {
      image: await keepDisk(target, digest, { ...source, checksum: received, validator }, options),
      cached: false,
    }
  } finally {
    await rm(target, { force: true })
  }
}

/** Moves a finished disk into the store, if it is one. */
export async function keepDisk(
  file: string,
  digest: Checksum,
  source: Omit<DiskSource, 'at'>,
  { store, workshop, progress, signal }: Pick<PullOptions, 'store' | 'workshop' | 'progress' | 'signal'>,
): Promise<DiskImage> {
  const target = join(store.images, digest.hex)
  return await withLock(store, `image-${digest.hex}`, { signal }, async () => {
    const there = await readSoundDiskImage(target, (line) => warn(progress, line))
    if (there) return await writeSource(there, source)
    const { format, virtualSizeBytes } = await soundDisk(file, source)
    const { size } = await stat(file)
    if (size === 0 || (format === 'raw' && size % SECTOR_BYTES !== 0)) {
      throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `${source.name} is not a disk image`, {
        details: [`${size} bytes, of no known format, are not a whole number of sectors`],
      })
    }
    await publish(store, workshop.directory, target, async (staging) => {
      await rename(file, join(staging, DISK))
      await writeDiskManifest(staging, {
        name: source.name,
        digest: `${digest.algorithm}:${digest.hex}`,
        disk: { path: DISK, format, virtualSizeBytes, sizeBytes: size },
        sources: [looked(source)],
      })
    })
    return (await readDiskImage(target))!
  })
}

interface Known {
  image: DiskImage
  source: DiskSource
}

/** What was last pulled from there, if it is what is asked for. */
async function newestFrom(store: Store, { url, checksum }: UrlSource): Promise<Known | undefined> {
  const wanted = checksum && !('url' in checksum) ? checksum : undefined
  const all = (await listDiskImages(store)).flatMap((image) => image.sources.map((source) => ({ image, source })))
  return all
    .filter(({ source }) => source.url === shown(url) && (!wanted || sameChecksum(source.checksum, wanted)))
    .sort((a, b) => Date.parse(b.source.at) - Date.parse(a.source.at))[0]
}

async function withChecksum(store: Store, checksum: Checksum): Promise<DiskImage | undefined> {
  const images = await listDiskImages(store)
  return images.find(({ sources }) => sources.some((source) => sameChecksum(source.checksum, checksum)))
}

/** Notes that a source has these bytes too, or still; undefined if the image is not there any more. */
async function addSource(
  { dir }: DiskImage,
  source: Omit<DiskSource, 'at'>,
  { store, signal }: Pick<PullOptions, 'store' | 'signal'>,
): Promise<DiskImage | undefined> {
  return await withLock(store, `image-${basename(dir)}`, { signal }, async () => {
    const image = await readDiskImage(dir)
    return image && (await writeSource(image, source))
  })
}

/** The same under the name that is asked for now. */
function addName({ image, source }: Known, name: string, options: PullOptions): Promise<DiskImage | undefined> {
  return addSource(image, { ...source, name }, options)
}

async function writeSource(image: DiskImage, source: Omit<DiskSource, 'at'>): Promise<DiskImage> {
  const same = ({ name, url, path, architecture }: DiskSource) =>
    name === source.name && url === source.url && path === source.path && architecture === source.architecture
  const sources = [...image.sources.filter((other) => !same(other)), looked(source)]
  await writeSources(image.dir, sources)
  return { ...image, sources }
}

function looked(source: Omit<DiskSource, 'at'>): DiskSource {
  return { ...source, at: new Date().toISOString() }
}
