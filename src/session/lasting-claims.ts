import { createHash } from 'node:crypto'
import { access, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../image/store.js'
import { Date } from '../node-globals.js'
import { readSealed, writeSealed } from '../sealed-json.js'
import { lazySchema } from '../zod.js'

/** One file for each holder. */
interface LastingClaim {
  /** A file or directory: the claim holds as long as it is there. */
  holder: string
  /** What of the store is not to be collected. */
  directories: readonly string[]
}

const claimSchema = lazySchema((z) => z.object({ holder: z.string().min(1), directories: z.array(z.string()) }))

/** A holder is claimed for before it is there; nothing takes longer until then. */
const YOUNG_MS = 60 * 60_000

/** Keeps directories of the store from being collected for as long as `holder` exists, whatever session is alive. */
export async function claimFor(store: Store, holder: string, directories: readonly string[]): Promise<void> {
  await mkdir(claimsOf(store), { recursive: true, mode: 0o700 })
  const claim: LastingClaim = { holder, directories }
  await writeSealed(pathOf(store, holder), claim, { flush: true })
}

export async function releaseClaims(store: Store, holder: string): Promise<void> {
  await rm(pathOf(store, holder), { force: true })
}

/**
 * All that is claimed by somebody who is still there; the claims of others are removed, unless they may be about to come.
 * A claim that cannot be read may be one of any image, so it keeps them all until the next start of its machine writes it again.
 */
export async function claimedDirectories(store: Store): Promise<string[]> {
  const names = (await readdir(claimsOf(store)).catch(() => [])).filter((name) => name.endsWith('.json'))
  const claimed = names.map(async (name): Promise<readonly string[]> => {
    const path = join(claimsOf(store), name)
    const claim = await readSealed(path, claimSchema(), { unsealed: true })
    if (claim === undefined) return []
    if (typeof claim === 'string') return await allImages(store)
    const held = await access(claim.holder).then(
      () => true,
      // One that cannot be looked at may be there.
      (error) => error.code !== 'ENOENT',
    )
    if (held) return claim.directories
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }))
    if (Date.now() - mtimeMs > YOUNG_MS) await rm(path, { force: true })
    return []
  })
  return (await Promise.all(claimed)).flat()
}

async function allImages(store: Store): Promise<string[]> {
  return (await readdir(store.images).catch(() => [])).map((key) => join(store.images, key))
}

function claimsOf(store: Store): string {
  return join(store.root, 'claims')
}

function pathOf(store: Store, holder: string): string {
  return join(claimsOf(store), `${createHash('sha256').update(holder).digest('hex').slice(0, 20)}.json`)
}
