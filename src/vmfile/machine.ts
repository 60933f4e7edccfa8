import type { z } from 'zod'
import { isImageName } from './image-name.js'
import type { Places } from './places.js'
import { resolvePath } from './resolve-path.js'
import type { machineSchema } from './schema.js'

type Written = z.output<ReturnType<typeof machineSchema>>

/** A machine of a VMFile, checked, with its defaults; paths are absolute. */
export interface Machine extends Omit<Written, 'image'> {
  readonly image?: { readonly name: string } | { readonly path: string } | undefined
  /** Where it is written. */
  readonly places: Places
}

export function machineOf({ image, ...rest }: Written, places: Places, directory: string): Machine {
  return { ...rest, ...(image === undefined ? {} : { image: imageOf(image, directory) }), places }
}

/** A name is one that Mayfly knows; all else, and `./debian`, is a path. */
function imageOf(image: string, directory: string): Machine['image'] {
  return isImageName(image) ? { name: image } : { path: resolvePath(image, directory) }
}
