import { chmod, copyFile } from 'node:fs/promises'

/** A copy that its owner alone may read and write, whatever may be done with the original: packages have files that nobody may write to. */
export async function ownCopy(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  await chmod(to, 0o600)
}
