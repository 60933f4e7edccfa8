import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes that everything below `directory` takes of the disk: allocated blocks, so that holes count nothing. */
export async function diskUsage(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const sizes = entries.map(async (entry) => {
    const path = join(directory, entry.name)
    // stat(2): blocks are counted in 512 bytes, whatever the file system's own are.
    return entry.isDirectory() ? await diskUsage(path) : 512 * ((await lstat(path).catch(() => undefined))?.blocks ?? 0)
  })
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
