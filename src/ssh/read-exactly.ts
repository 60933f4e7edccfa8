import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

const CHUNK_BYTES = 256 * 1024

/** The first `size` bytes of a file. One that grows meanwhile is taken as long as it was. @throws Error if it has become shorter. */
export async function* readExactly(path: Buffer | string, size: number): AsyncGenerator<Buffer> {
  const handle = await open(path, constants.O_RDONLY)
  try {
    for (let position = 0; position < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - position))
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position)
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`)
      position += bytesRead
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}
