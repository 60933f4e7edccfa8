import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../image/store.js'
import { Date } from '../node-globals.js'

/** One file for each holder. */
interface LastingClaim {
  /** A file or directory: the claim holds as long as it is there. */
  holder: string
  /** What of the store is not to be collected. */
  directories: readonly string[]
}

/** A holder is claimed for before it is there; nothing takes longer until then. */
const YOUNG_MS = 60 * 60_000

/** Keeps directories of the store from being collected for as long as `holder` exists, whatever session is alive. */
export async function claimFor(store: Store, holder: string, directories: readonly string[]): Promise<void> {
  await mkdir(claimsOf(store), { recursive: true, mode: 0o700 })
  const path = pathOf(store, holder)
  const claim: LastingClaim = { holder, directories }
  await writeFile(`${path}.new`, JSON.stringify(claim), { flush: true })
  await rename(`${path}.new`, path)
}

export async function releaseClaims(store: Store, holder: string): Promise<void> {
  await rm(pathOf(store, holder), { force: true })
}

/** All that is claimed by somebody who is still there; the claims of others are removed, unless they may be about to come. */
export async function claimedDirectories(store: Store): Promise<string[]> {
  const names = (await readdir(claimsOf(store)).catch(() => [])).filter((name) => name.endsWith('.json'))
  const claimed = names.map(async (name): Promise<readonly string[]> => {
    const path = join(claimsOf(store), name)
    const claim = await readFile(path, 'utf8')
      .then((text) => JSON.parse(text) as LastingClaim)
      .catch(() => undefined)
    if (!claim) return []
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

function claimsOf(store: Store): string {
  return join(store.root, 'claims')
}

function pathOf(store: Store, holder: string): string {
  return join(claimsOf(store), `${createHash('sha256').update(holder).digest('hex').slice(0, 20)}.json`)
}
