import { dirname, join } from 'node:path'
import type { StoredPartial } from '../image/download/partial.js'
import type { StoredImage } from '../image/stored.js'
import { formatMilliseconds } from '../units.js'
import type { StoredTemplate } from './stored.js'
import { STACKED_ON_ITSELF } from './template.js'

export interface CollectionPolicy {
  /** Removes everything that nothing uses now. */
  all?: boolean | undefined
  /** Removes what was not used for this long. */
  olderThanMs?: number | undefined
  /** Removes what was used least recently until the rest takes no more than this. */
  maxBytes?: number | undefined
}

export interface Entry {
  /** `download`: what there is of one that has not ended. */
  kind: 'template' | 'image' | 'download'
  key: string
  directory: string
  name: string
  bytes: number
  lastUsedAt: Date
  /** Of the image itself, or of the image that a template needs. */
  digest: string | undefined
  /** Directory of the template whose disk a template is stacked on. */
  base?: string | undefined
  damage: string | undefined
}

export interface Removal extends Entry {
  /** One clause for people. */
  reason: string
}

/** Templates, images and downloads as entries of one list. */
export function entriesOf(
  templates: readonly StoredTemplate[],
  images: readonly StoredImage[],
  downloads: readonly StoredPartial[] = [],
): Entry[] {
  return [
    ...templates.map((template): Entry => {
      const { imageDigest: digest, stacked, parent, damage } = template
      const isStacked = stacked && damage !== STACKED_ON_ITSELF
      const base = isStacked && parent !== undefined ? join(dirname(template.directory), parent) : undefined
      return { ...template, kind: 'template', digest, base }
    }),
    ...images.map((image): Entry => ({ ...image, kind: 'image' })),
    ...downloads.map((download): Entry => ({ ...download, kind: 'download', digest: undefined, damage: undefined })),
  ]
}

/**
 * What to remove, in order: never what is in use, and what others stand on only after all of them.
 * @param used directories that live sessions use, with all that they stand on.
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
  for (const entry of inOrder(entries)) {
    if (used.has(entry.directory) || [...kept].some((other) => standsOn(other, entry))) continue
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

/** Whether one cannot be used without the other. */
function standsOn(entry: Entry, other: Entry): boolean {
  if (entry.kind !== 'template') return false
  if (other.kind === 'template') return entry.base === other.directory
  return other.digest !== undefined && entry.digest === other.digest
}

/** Oldest use first. A foundation was used whenever something on it was, so that it comes after all of that. */
function inOrder(entries: readonly Entry[]): Entry[] {
  const ordered = new Map<Entry, { usedAt: number; height: number }>()
  const place = (entry: Entry): { usedAt: number; height: number } => {
    const known = ordered.get(entry)
    if (known) return known
    // Set before it is known, so that a circle in damaged manifests ends.
    ordered.set(entry, { usedAt: entry.lastUsedAt.getTime(), height: 0 })
    const above = entries.filter((other) => standsOn(other, entry)).map(place)
    const placed = {
      usedAt: Math.max(entry.lastUsedAt.getTime(), ...above.map(({ usedAt }) => usedAt)),
      height: Math.max(0, ...above.map(({ height }) => height + 1)),
    }
    ordered.set(entry, placed)
    return placed
  }
  return [...entries].sort((a, b) => place(a).usedAt - place(b).usedAt || place(a).height - place(b).height)
}
