import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes that everything below `directory` takes of the disk: allocated blocks, so that holes count nothing; of a file with several names its share. */
export async function diskUsage(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const sizes = entries.map(async (entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return await diskUsage(path)
    const { blocks, nlink } = (await lstat(path).catch(() => undefined)) ?? { blocks: 0, nlink: 1 }
    // stat(2): blocks are counted in 512 bytes, whatever the file system's own are.
    return Math.round((512 * blocks) / Math.max(1, nlink))
  })
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
