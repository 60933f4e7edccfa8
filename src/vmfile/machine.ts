import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { embeddedImage } from '../image/reference.js'
import type { Places } from './places.js'
import type { machineSchema } from './schema.js'
import { machineShape, type Shape } from './shape.js'

type Written = z.output<typeof machineSchema>

/** A machine of a VMFile, checked, with its defaults; paths are absolute. */
export interface Machine extends Omit<Written, 'image'> {
  readonly image?: { readonly name: string } | { readonly path: string } | undefined
  /** Where it is written. */
  readonly places: Places
}

export function machineOf(written: Written, places: Places, directory: string): Machine {
  const { image, ...rest } = resolvePaths(written, machineShape, directory) as Written
  return { ...rest, ...(image === undefined ? {} : { image: imageOf(image, directory) }), places }
}

/** A name is one that Mayfly knows; all else, and `./debian`, is a path. */
function imageOf(image: string, directory: string): Machine['image'] {
  return isName(image) ? { name: image } : { path: resolvePath(image, directory) }
}

function isName(image: string): boolean {
  if (/[/~]/.test(image)) return false
  try {
    embeddedImage(image)
    return true
  } catch {
    return false
  }
}

function resolvePath(path: string, directory: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : resolve(directory, path)
}

/** Every field that its shape calls a path, however deep. */
function resolvePaths(value: unknown, shape: Shape, directory: string): unknown {
  if (shape.path && typeof value === 'string') return resolvePath(value, directory)
  if (Array.isArray(value)) return value.map((item) => resolvePaths(item, shape.items ?? {}, directory))
  if (typeof value !== 'object' || value === null) return value
  const record = value as Record<string, unknown>
  const fields = shape.properties ?? alternativeOf(record, shape)?.properties ?? {}
  return Object.fromEntries(
    Object.entries(record).map(([name, field]) => [name, resolvePaths(field, fields[name] ?? {}, directory)]),
  )
}

function alternativeOf(value: Record<string, unknown>, { oneOf = [], items }: Shape): Shape | undefined {
  return (items?.oneOf ?? oneOf).find(({ properties = {} }) =>
    Object.entries(properties).every(([name, shape]) => shape.const === undefined || shape.const === value[name]),
  )
}
