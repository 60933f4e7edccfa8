import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import { unreadable } from '../image/file-digest.js'
import { inspectDisk } from '../image/overlay.js'
import { openStore } from '../image/store.js'
import type { StoredImage } from '../image/stored.js'
import { wholeDisk } from '../image/whole-disk.js'
import { Date } from '../node-globals.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { ago } from './ago.js'
import { imagesNamed, namesOf } from './image-named.js'
import { print, printJson } from './streams.js'
import { table } from './table.js'

/** `mayfly image inspect` */
export async function inspect(
  { cacheDir }: ActionContext,
  { json }: { json?: boolean },
  args: string[],
): Promise<number> {
  const [text = ''] = args
  if (text.includes('/') || existsSync(text)) return await inspectFile(resolve(text), json)
  const images = await imagesNamed(await openStore(cacheDir), text)
  if (json) await printJson(images)
  else await print(images.map((image) => table(rowsOf(image))).join('\n\n'))
  return 0
}

function rowsOf(image: StoredImage): string[][] {
  const { key, directory, digest = `unknown: ${image.damage}`, architecture, bytes, lastUsedAt, disk } = image
  const from = (disk?.sources ?? []).flatMap(({ name, url, path, architecture, checksum, at }) => [
    ['from', url ?? path ?? name],
    ['', `${checksum.algorithm}:${checksum.hex}`],
    ['', [architecture, `looked at ${ago(new Date(at))}`].filter(Boolean).join(', ')],
  ])
  return [
    ['name', namesOf(image).join(', ')],
    ['key', key],
    ['digest', digest],
    ...(architecture ? [['architecture', architecture]] : []),
    ['directory', directory],
    ['takes', formatBytes(bytes)],
    ['last used', ago(lastUsedAt)],
    ...(disk ? [['disk', `${disk.disk.format}, ${formatBytes(disk.disk.virtualSizeBytes)}`]] : []),
    ...from,
  ]
}

/** A file of the user's, with whether it could be imported as it is. */
async function inspectFile(path: string, json = false): Promise<number> {
  const { size: sizeBytes } = await stat(path).catch(unreadable(path))
  const { format, virtualSizeBytes } = await inspectDisk(path)
  const why = await wholeDisk(path).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof MayflyError) return error.shortMessage
      throw error
    },
  )
  if (json) await printJson({ path, format, virtualSizeBytes, sizeBytes, whole: why === undefined })
  else {
    const rows = [
      ['path', path],
      ['format', format],
      ['disk', formatBytes(virtualSizeBytes)],
      ['file', formatBytes(sizeBytes)],
      ...(why === undefined ? [] : [['import', `only with --convert: ${why}`]]),
    ]
    await print(table(rows))
  }
  return 0
}
