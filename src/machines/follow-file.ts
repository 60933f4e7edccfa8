import { watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Readable } from 'node:stream'

export interface FollowOptions {
  /** First byte. Default 0. */
  from?: number | undefined
  /** Ends the stream: a file has no end while it is written to. */
  signal: AbortSignal
}

const CHUNK = 64 * 1024

/** What is and will be written to a file, which need not exist yet, until `signal` aborts. One that is replaced or cut is read from its start. */
export function followFile(path: string, options: FollowOptions): Readable {
  return Readable.from(chunks(path, options), { objectMode: false, highWaterMark: CHUNK })
}

async function* chunks(path: string, { from = 0, signal }: FollowOptions): AsyncGenerator<Buffer> {
  const bell = new Bell(signal)
  // The directory: it is told of a file that is made or replaced as well.
  const watcher = watch(dirname(path), (_event, name) => {
    if (name === null || name === basename(path)) bell.ring()
  })
  watcher.on('error', () => bell.ring())
  let file: FileHandle | undefined
  let inode = 0
  let position = from
  try {
    const buffer = Buffer.alloc(CHUNK)
    while (!signal.aborted) {
      file ??= await open(path).catch(() => undefined)
      if (file) {
        inode ||= (await file.stat()).ino
        const { bytesRead } = await file.read(buffer, 0, CHUNK, position)
        if (bytesRead > 0) {
          position += bytesRead
          yield Buffer.from(buffer.subarray(0, bytesRead))
          continue
        }
        const now = await stat(path).catch(() => undefined)
        if (now && (now.ino !== inode || now.size < position)) {
          await file.close()
          file = undefined
          inode = 0
          position = 0
          continue
        }
      }
      await bell.rung()
    }
  } finally {
    watcher.close()
    await file?.close()
  }
}

/** Remembers that it was rung until somebody has heard it. */
class Bell {
  #waiting: (() => void) | undefined
  #rung = false

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.ring(), { once: true })
  }

  ring(): void {
    this.#rung = true
    this.#waiting?.()
  }

  async rung(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => (this.#waiting = resolve))
    this.#rung = false
    this.#waiting = undefined
  }
}
