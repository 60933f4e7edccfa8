import { catalogueNames } from '../image/catalogue.js'
import { embeddedImage } from '../image/reference.js'

/** Names that `image` may have besides paths; a file of such a name is written `./debian`. */
export function imageNames(): string[] {
  return ['micro', 'debian', ...catalogueNames()]
}

export function isImageName(text: string): boolean {
  if (/[/~]/.test(text)) return false
  return isEmbeddedName(text) || imageNames().includes(text)
}

/** One that Mayfly builds, perhaps with a release: `debian:trixie`. */
export function isEmbeddedName(text: string): boolean {
  if (/[/~]/.test(text)) return false
  try {
    embeddedImage(text)
    return true
  } catch {
    return false
  }
}
