import { open } from 'node:fs/promises'

/**
 * Makes an empty file that its owner alone may read and write, whatever the umask is. Programs that write to it later keep
 * its mode, while files that they make themselves are often readable by others.
 * @param sizeBytes of zeros, as a hole.
 */
export async function createPrivateFile(path: string, sizeBytes = 0): Promise<void> {
  await using file = await open(path, 'w', 0o600)
  await file.chmod(0o600)
  if (sizeBytes > 0) await file.truncate(sizeBytes)
}
