import { appendFile, stat, writeFile } from 'node:fs/promises'
import { ownCopy } from './own-copy.js'

/**
 * Writes an initrd with one more archive behind it: its files replace those of the same names. Without an initrd, the
 * archive is all there is, and the kernel goes on to its root disk.
 * The kernel looks for a further archive at multiples of 4 only; one that was compressed may end anywhere.
 */
export async function writeSeededInitrd(initrd: string | undefined, path: string, seed: Buffer): Promise<void> {
  if (initrd === undefined) return await writeFile(path, seed, { mode: 0o600 })
  await ownCopy(initrd, path)
  const { size } = await stat(path)
  await appendFile(path, Buffer.concat([Buffer.alloc(-size & 3), seed]))
}
