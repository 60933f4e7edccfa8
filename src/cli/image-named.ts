import { MayflyError } from '../errors.js'
import { fullName } from '../image/catalogue.js'
import type { Store } from '../image/store.js'
import { listImages, type StoredImage } from '../image/stored.js'
import { nearest } from '../nearest.js'

/**
 * The images of the store that a command line means: all of that name, or the one whose name or key begins so.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND with the nearest name.
 */
export async function imagesNamed(store: Store, text: string): Promise<StoredImage[]> {
  const images = await listImages(store)
  const named = images.filter((image) => namesOf(image).includes(fullName(text)))
  if (named.length > 0) return named
  for (const begins of [
    ({ key }: StoredImage) => key.startsWith(text),
    (image: StoredImage) => namesOf(image).some((name) => name.startsWith(text)),
  ]) {
    const found = text === '' ? [] : images.filter(begins)
    if (found.length === 1) return found
    if (found.length > 1) {
      throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `several images begin with ${JSON.stringify(text)}`, {
        details: found.map((image) => `${namesOf(image).join(', ')} ${image.key.slice(0, 12)}`),
      })
    }
  }
  const suggestion = nearest(text, images.flatMap(namesOf))
  throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `no image ${JSON.stringify(text)} in the cache`, {
    hint: suggestion ? `Did you mean ${suggestion}?` : 'mayfly image ls shows those that there are.',
  })
}

/** What an image has been called, each name once. */
export function namesOf({ name, disk }: StoredImage): string[] {
  return [...new Set([name, ...(disk?.sources ?? []).map((source) => source.name)])]
}
