import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { URL } from '../../node-globals.js'
import { readSealed, writeSealed } from '../../sealed-json.js'
import { diskUsage } from '../disk-usage.js'
import { lastUsed, markUsed } from '../last-used.js'
import type { Store } from '../store.js'

/** What a server has said of the file that a partial download is of. */
export interface Validator {
  etag?: string | undefined
  lastModified?: string | undefined
}

/** Without logins: it is written down. */
interface Origin extends Validator {
  /** What was asked for; also when a mirror has answered. */
  url: string
  /** Who has answered. */
  from: string
  totalBytes?: number | undefined
}

const STATE = 'state.json'
const originSchema: z.ZodType<Origin> = z.object({
  url: z.url({ protocol: /^https?$/ }),
  from: z.string(),
  totalBytes: z.int().nonnegative().optional(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
}) as never

/** The key of a download: its lock's and its directory's name. */
export function downloadKey(url: string): string {
  return createHash('sha256').update(url).digest('hex')
}

/** What there is of a download that has not ended. It outlives whoever began it; the store's lock says who goes on with it. */
export class Partial {
  readonly directory: string
  /** The bytes so far, as they came. */
  readonly file: string
  /** Undefined before the first answer. */
  origin: Origin | undefined

  private constructor(directory: string, origin: Origin | undefined) {
    this.directory = directory
    this.file = join(directory, 'part')
    this.origin = origin
  }

  /** Whoever opens it holds the lock of its key. */
  static async open(store: Store, url: string): Promise<Partial> {
    const directory = join(store.downloads, downloadKey(url))
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await markUsed(directory)
    const origin = await readOrigin(directory)
    const partial = new Partial(directory, origin)
    // Bytes that nobody can say anything of are none.
    if (!origin) await rm(partial.file, { force: true })
    return partial
  }

  async bytes(): Promise<number> {
    return (await stat(this.file).catch(() => undefined))?.size ?? 0
  }

  /** Notes whose bytes will follow, before they do. */
  async begin(origin: Origin): Promise<void> {
    this.origin = origin
    await writeSealed(join(this.directory, STATE), origin)
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** A download that has not ended, as it lies in the store. */
export interface StoredPartial {
  key: string
  directory: string
  /** The file's; its key if nothing is known of it. */
  name: string
  /** Allocated on disk. */
  bytes: number
  lastUsedAt: Date
}

/** Every download in the store that has not ended, those that are under way included. */
export async function listPartials(store: Store): Promise<StoredPartial[]> {
  const keys = await readdir(store.downloads).catch(() => [])
  return await Promise.all(
    keys.map(async (key) => {
      const directory = join(store.downloads, key)
      const origin = await readOrigin(directory)
      const [bytes, lastUsedAt] = await Promise.all([diskUsage(directory), lastUsed(directory)])
      return { key, directory, name: origin ? basename(new URL(origin.url).pathname) : key, bytes, lastUsedAt }
    }),
  )
}

/** Undefined as well if it cannot be read: then the download begins anew. */
async function readOrigin(directory: string): Promise<Origin | undefined> {
  const origin = await readSealed(join(directory, STATE), originSchema)
  return typeof origin === 'object' ? origin : undefined
}
