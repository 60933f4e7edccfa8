import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readSealed, writeSealed } from '../sealed-json.js'
import type { QemuFacts } from './qemu-probe.js'

const FORMAT = 2
// Old entries go first: upgrades leave one behind each.
const MAX_ENTRIES = 8

const text = z.string().min(1)
const factsSchema: z.ZodType<QemuFacts> = z.object({ version: text, versionLabel: text, machine: text })
const fileSchema = z.object({ format: z.literal(FORMAT), entries: z.record(z.string(), factsSchema) })

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
  try {
    const older = Object.entries(await readEntries(cacheDir)).filter(([name]) => name !== key)
    const entries = Object.fromEntries([...older.slice(1 - MAX_ENTRIES), [key, facts]])
    await mkdir(cacheDir, { recursive: true })
    await writeSealed(qemuCachePath(cacheDir), { format: FORMAT, entries })
  } catch {}
}

async function readEntries(cacheDir: string): Promise<Record<string, QemuFacts>> {
  const content = await readSealed(qemuCachePath(cacheDir), fileSchema)
  return typeof content === 'object' ? content.entries : {}
}
