import { openStore, type Store } from '../image/store.js'
import { listImages, type StoredImage } from '../image/stored.js'
import { currentSession } from '../session/session.js'
import { usedDirectories } from '../session/uses.js'
import { removeUnused } from '../snapshot/collect.js'
import { entriesOf } from '../snapshot/collection-plan.js'
import { listTemplates } from '../snapshot/stored.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { EXIT } from './exit.js'
import { imagesNamed } from './image-named.js'
import { print, printJson } from './streams.js'

/** `mayfly image rm` */
export async function rm({ cacheDir }: ActionContext, { json }: { json?: boolean }, names: string[]): Promise<number> {
  const store = await openStore(cacheDir)
  // All are looked for before the first is removed.
  const named = (await Promise.all(names.map((name) => imagesNamed(store, name)))).flat()
  const keys = new Set(named.map(({ key }) => key))
  const removed: { name: string; key: string; bytes: number }[] = []
  const kept: { name: string; key: string; reason: string }[] = []
  for (const image of (await listImages(store)).filter(({ key }) => keys.has(key))) {
    const { name, key, bytes } = image
    const reason = await remove(store, image)
    if (reason === undefined) removed.push({ name, key, bytes })
    else kept.push({ name, key, reason })
  }
  const freedBytes = removed.reduce((sum, { bytes }) => sum + bytes, 0)
  if (json) await printJson({ removed, kept, freedBytes })
  else {
    const lines = [
      ...removed.map(({ name, key, bytes }) => `removed ${name} ${key.slice(0, 12)} (${formatBytes(bytes)})`),
      ...kept.map(({ name, key, reason }) => `kept ${name} ${key.slice(0, 12)}: ${reason}`),
    ]
    await print(lines.join('\n'))
  }
  return kept.length === 0 ? 0 : EXIT.unfit
}

/** @returns why it stays, if it does. */
async function remove(store: Store, image: StoredImage): Promise<string | undefined> {
  if ((await usedDirectories(store)).has(image.directory)) return 'a running process or a named machine uses it'
  const above = (await listTemplates(store)).filter(({ imageDigest }) => imageDigest && imageDigest === image.digest)
  if (above.length > 0) {
    const names = [...new Set(above.map(({ name }) => name))].join(', ')
    return `templates stand on it: ${names}; mayfly gc removes those that are not used`
  }
  const [entry] = entriesOf([], [image])
  return (await removeUnused(store, await currentSession(store), entry!)) ? undefined : 'somebody has begun to use it'
}
