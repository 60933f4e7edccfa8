import type { StoredImage } from '../image/stored.js'
import { formatMilliseconds } from '../units.js'
import type { StoredTemplate } from './stored.js'

export interface CollectionPolicy {
  /** Removes everything that nothing uses now. */
  all?: boolean | undefined
  /** Removes what was not used for this long. */
  olderThanMs?: number | undefined
  /** Removes what was used least recently until the rest takes no more than this. */
  maxBytes?: number | undefined
}

export interface Entry {
  kind: 'template' | 'image'
  key: string
  directory: string
  name: string
  bytes: number
  lastUsedAt: Date
  /** Of the image itself, or of the image that a template needs. */
  digest: string | undefined
  damage: string | undefined
}

export interface Removal extends Entry {
  /** One clause for people. */
  reason: string
}

/** Templates and images as entries of one list. */
export function entriesOf(templates: readonly StoredTemplate[], images: readonly StoredImage[]): Entry[] {
  return [
    ...templates.map((template): Entry => ({ ...template, kind: 'template', digest: template.imageDigest })),
    ...images.map(
      (image): Entry => ({
        ...image,
        kind: 'image',
        damage: image.digest ? undefined : 'its manifest is missing or damaged',
      }),
    ),
  ]
}

/**
 * What to remove, in order: never what is in use, and an image only after every template that needs it.
 * @param used directories that live sessions use.
 */
export function planCollection(
  entries: readonly Entry[],
  used: ReadonlySet<string>,
  policy: CollectionPolicy,
  now: Date,
): Removal[] {
  const { maxBytes = Number.POSITIVE_INFINITY } = policy
  const kept = new Set(entries)
  let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
  const removals: Removal[] = []
  for (const entry of [...entries].sort(
    (a, b) => order(a, entries) - order(b, entries) || b.kind.localeCompare(a.kind),
  )) {
    if (used.has(entry.directory)) continue
    if (entry.kind === 'image' && [...kept].some((other) => other.kind === 'template' && other.digest === entry.digest))
      continue
    const unusedMs = now.getTime() - entry.lastUsedAt.getTime()
    const reason =
      entry.damage ??
      (policy.all ? 'nothing uses it now' : undefined) ??
      (unusedMs > (policy.olderThanMs ?? Number.POSITIVE_INFINITY)
        ? `not used for ${formatMilliseconds(unusedMs)}`
        : undefined) ??
      (bytes > maxBytes ? 'used least recently' : undefined)
    if (reason === undefined) continue
    kept.delete(entry)
    bytes -= entry.bytes
    removals.push({ ...entry, reason })
  }
  return removals
}

/** Oldest use first. An image was used whenever a template on it was, so that it comes after them. */
function order(entry: Entry, entries: readonly Entry[]): number {
  if (entry.kind === 'template') return entry.lastUsedAt.getTime()
  const dependants = entries.filter((other) => other.kind === 'template' && other.digest === entry.digest)
  return Math.max(entry.lastUsedAt.getTime(), ...dependants.map(({ lastUsedAt }) => lastUsedAt.getTime()))
}
