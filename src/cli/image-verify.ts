import { openStore } from '../image/store.js'
import { listImages } from '../image/stored.js'
import { verifyImage } from '../image/verify.js'
import type { ActionContext } from './action.js'
import { EXIT } from './exit.js'
import { imagesNamed } from './image-named.js'
import { state } from './listed.js'
import { print, printJson } from './streams.js'
import { table } from './table.js'

/** `mayfly image verify` */
export async function verify(
  { cacheDir }: ActionContext,
  { json }: { json?: boolean },
  names: string[],
): Promise<number> {
  const store = await openStore(cacheDir)
  const named =
    names.length === 0 ? await listImages(store) : await Promise.all(names.map((name) => imagesNamed(store, name)))
  const images = [...new Map(named.flat().map((image) => [image.key, image])).values()]
  const results: { name: string; key: string; sound: boolean; reason: string | undefined }[] = []
  // One after the other: a disk is read through.
  for (const image of images) {
    const reason = await verifyImage(image)
    results.push({ name: image.name, key: image.key, sound: reason === undefined, reason })
  }
  if (json) await printJson(results)
  else if (results.length === 0) await print('none')
  else await print(table(results.map(({ name, key, reason }) => [name, key.slice(0, 12), state(!reason, reason)])))
  return results.every(({ sound }) => sound) ? 0 : EXIT.unfit
}
