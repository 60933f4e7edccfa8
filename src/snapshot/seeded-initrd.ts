import { appendFile, copyFile, stat } from 'node:fs/promises'

/**
 * Writes an initrd with one more archive behind it: its files replace those of the same names.
 * The kernel looks for a further archive at multiples of 4 only; one that was compressed may end anywhere.
 */
export async function writeSeededInitrd(initrd: string, path: string, seed: Buffer): Promise<void> {
  await copyFile(initrd, path)
  const { size } = await stat(path)
  await appendFile(path, Buffer.concat([Buffer.alloc(-size & 3), seed]))
}
