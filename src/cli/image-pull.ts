import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { MayflyError } from '../errors.js'
import { catalogueImage, catalogueNames, parseArchitecture } from '../image/catalogue.js'
import { type Checksum, parseChecksum } from '../image/download/checksum.js'
import { mirrorsOf, parseMirror } from '../image/download/mirrors.js'
import { importDisk } from '../image/import-disk.js'
import { type Pulled, pullUrl, type UrlSource } from '../image/pull.js'
import { openStore } from '../image/store.js'
import { nearest } from '../nearest.js'
import { URL } from '../node-globals.js'
import { currentSession } from '../session/session.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { shownProgress } from './shown-progress.js'
import { print, printJson } from './streams.js'

interface SourceOptions {
  name?: string
  arch?: string
  checksum?: string
  verbose?: boolean
  json?: boolean
}

export interface PullCommandOptions extends SourceOptions {
  mirror?: string[]
  ifMissing?: boolean
  allowHttp?: boolean
}

export interface ImportOptions extends SourceOptions {
  convert?: boolean
}

/** `mayfly image pull` */
export async function pull(context: ActionContext, options: PullCommandOptions, args: string[]): Promise<number> {
  const [text = ''] = args
  const isUrl = /^https?:\/\//i.test(text)
  const source = isUrl ? urlSource(text, options) : catalogued(text, options)
  if (!source) {
    if (text.includes('/') || existsSync(text)) return await importFile(context, options, args)
    throw unknown(text)
  }
  const mirrors = [...(options.mirror ?? []).map(parseMirror), ...mirrorsOf()]
  const { ifMissing, allowHttp } = options
  const pulled = await pullUrl(source, {
    ...(await place(context, options)),
    mirrors,
    ifMissing,
    insecureRedirects: allowHttp,
  })
  return await show(pulled, source.name, options)
}

/** `mayfly image import` */
export async function importFile(context: ActionContext, options: ImportOptions, args: string[]): Promise<number> {
  const [path = ''] = args
  const { name = basename(path), convert, arch, checksum } = options
  const architecture = arch === undefined ? undefined : parseArchitecture(arch)
  const source = {
    path,
    name,
    convert,
    architecture,
    checksum: checksum === undefined ? undefined : parseChecksum(checksum),
  }
  return await show(await importDisk(source, await place(context, options)), name, options)
}

async function place({ cacheDir, signal }: ActionContext, { verbose }: SourceOptions) {
  const store = await openStore(cacheDir)
  const progress = shownProgress(verbose)
  return { store, workshop: await currentSession(store), progress, signal }
}

function urlSource(url: string, { name, arch, checksum }: SourceOptions): UrlSource {
  if (!URL.canParse(url)) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `not an address: ${JSON.stringify(url)}`)
  }
  const architecture = arch === undefined ? undefined : parseArchitecture(arch)
  return {
    name: name ?? (basename(new URL(url).pathname) || url),
    url,
    architecture,
    checksum: givenChecksum(checksum),
  }
}

function catalogued(text: string, { name, arch, checksum }: SourceOptions): UrlSource | undefined {
  const image = catalogueImage(text, parseArchitecture(arch))
  return image && { ...image, name: name ?? image.name, checksum: givenChecksum(checksum) ?? image.checksum }
}

function givenChecksum(text: string | undefined): Checksum | { url: string } | undefined {
  if (text === undefined) return undefined
  return /^https?:\/\//i.test(text) ? { url: text } : parseChecksum(text)
}

function unknown(text: string): MayflyError {
  if (/^(?:micro|debian)(?::|$)/.test(text)) {
    return new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `${text} is not downloaded: Mayfly builds it`, {
      hint: `mayfly warm ${text} builds it; the cloud images of Debian are debian-12 and debian-13.`,
    })
  }
  const suggestion = nearest(text, catalogueNames())
  return new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `no image ${JSON.stringify(text)} in the catalogue`, {
    hint: suggestion
      ? `Did you mean ${suggestion}?`
      : 'mayfly image ls --catalogue shows it; or give a URL, or a path.',
  })
}

async function show({ image, cached }: Pulled, name: string, { json }: SourceOptions): Promise<number> {
  const { dir: directory, digest, disk, sources } = image
  if (json) await printJson({ name, key: basename(directory), digest, directory, disk, sources, cached })
  else {
    const size = `${disk.format}, ${formatBytes(disk.sizeBytes)}, a disk of ${formatBytes(disk.virtualSizeBytes)}`
    await print(`${name}: ${size}${cached ? '; it was there' : ''}\n${digest}\n${disk.path}`)
  }
  return 0
}
