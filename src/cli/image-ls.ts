import { catalogueImages } from '../image/catalogue.js'
import { ALIASES } from '../image/catalogue-entries.js'
import { openStore } from '../image/store.js'
import { listImages } from '../image/stored.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { ago } from './ago.js'
import { namesOf } from './image-named.js'
import { state } from './listed.js'
import { print, printJson } from './streams.js'
import { table } from './table.js'

/** `mayfly image ls` */
export async function ls(
  { cacheDir }: ActionContext,
  { catalogue, json }: { catalogue?: boolean; json?: boolean },
): Promise<number> {
  if (catalogue) return await listCatalogue(json)
  const images = await listImages(await openStore(cacheDir))
  if (json) await printJson(images)
  else if (images.length === 0) await print('none')
  else {
    const rows = images.map((image) => [
      namesOf(image).join(', '),
      image.key.slice(0, 12),
      image.architecture ?? '-',
      image.disk?.disk.format ?? '-',
      image.disk ? formatBytes(image.disk.disk.virtualSizeBytes) : '-',
      formatBytes(image.bytes),
      ago(image.lastUsedAt),
      state(image.damage === undefined, image.damage),
    ])
    await print(table([['NAME', 'KEY', 'ARCH', 'FORMAT', 'DISK', 'SIZE', 'LAST USED', 'STATE'], ...rows]))
  }
  return 0
}

async function listCatalogue(json = false): Promise<number> {
  const images = catalogueImages().map((image) => ({
    ...image,
    aliases: Object.keys(ALIASES).filter((alias) => ALIASES[alias] === image.name),
  }))
  if (json) await printJson(images)
  else {
    const rows = images.map(({ name, aliases, architecture, url }) => [name, aliases.join(', '), architecture, url])
    await print(table([['NAME', 'ALSO', 'ARCH', 'FROM'], ...rows]))
  }
  return 0
}
