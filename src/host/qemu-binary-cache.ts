import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { QemuFacts } from './qemu-probe.js'

const FORMAT = 1
// Old entries go first: upgrades leave one behind each.
const MAX_ENTRIES = 8

interface CacheFile {
  format: typeof FORMAT
  entries: Record<string, QemuFacts>
}

/** File in the cache directory that holds what QEMU binaries said about themselves. */
export function qemuCachePath(cacheDir: string): string {
  return join(cacheDir, 'qemu-binaries.json')
}

/** What is known under `key`, or undefined: a file that cannot be read or understood counts as absent. */
export async function readCachedQemu(cacheDir: string, key: string): Promise<QemuFacts | undefined> {
  const facts = (await readEntries(cacheDir))[key]
  return facts && { version: facts.version, versionLabel: facts.versionLabel, machine: facts.machine }
}

/** Remembers `facts`. A cache directory that cannot be written costs speed, not the run. */
export async function writeCachedQemu(cacheDir: string, key: string, facts: QemuFacts): Promise<void> {
  const temporary = `${qemuCachePath(cacheDir)}.${randomUUID()}.tmp`
  try {
    const older = Object.entries(await readEntries(cacheDir)).filter(([name]) => name !== key)
    const entries = Object.fromEntries([...older.slice(1 - MAX_ENTRIES), [key, facts]])
    const content: CacheFile = { format: FORMAT, entries }
    await mkdir(cacheDir, { recursive: true })
    await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`)
    await rename(temporary, qemuCachePath(cacheDir))
  } catch {
    await rm(temporary, { force: true }).catch(() => {})
  }
}

async function readEntries(cacheDir: string): Promise<Record<string, QemuFacts>> {
  try {
    const content = JSON.parse(await readFile(qemuCachePath(cacheDir), 'utf8')) as Partial<CacheFile> | null
    if (content?.format !== FORMAT) return {}
    return Object.fromEntries(Object.entries(content.entries ?? {}).filter(([, facts]) => isFacts(facts)))
  } catch {
    return {}
  }
}

function isFacts(value: unknown): value is QemuFacts {
  const facts = value as Partial<QemuFacts> | null
  return [facts?.version, facts?.versionLabel, facts?.machine].every((text) => typeof text === 'string' && text !== '')
}
