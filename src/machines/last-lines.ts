import { type FileHandle, open } from 'node:fs/promises'
import { errnoOf } from '../errors.js'
import { MIB } from '../units.js'

const CHUNK = 64 * 1024
/** Of lines without an end. */
const MOST_BYTES = MIB
const NEWLINE = 0x0a

/** The last lines of a file, no more than 1 MiB of them; empty if there is none. */
export async function lastLines(path: string, lines: number): Promise<string> {
  const file = await openIfThere(path)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    const start = Math.max(await startOfLast(file, size, lines), size - MOST_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
    return buffer.subarray(0, bytesRead).toString()
  } finally {
    await file.close()
  }
}

/** What a file holds up to its byte `end`, or the last lines of that. */
export async function* bytesOf(path: string, end: number, lines?: number): AsyncGenerator<Buffer> {
  const file = await openIfThere(path)
  if (!file) return
  try {
    let start = lines === undefined ? 0 : await startOfLast(file, end, lines)
    while (start < end) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK), 0, Math.min(CHUNK, end - start), start)
      if (bytesRead === 0) return
      start += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return await open(path).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
}

/** Where the last `lines` lines of the first `end` bytes begin. Reads from there backwards: a log may be long. */
async function startOfLast(file: FileHandle, end: number, lines: number): Promise<number> {
  if (lines === 0) return end
  const chunk = Buffer.alloc(CHUNK)
  let seen = 0
  for (let from = end; from > 0; ) {
    const length = Math.min(CHUNK, from)
    from -= length
    const { bytesRead } = await file.read(chunk, 0, length, from)
    // The line feed that ends the last line begins no other.
    const last = from + bytesRead === end && chunk[bytesRead - 1] === NEWLINE ? bytesRead - 1 : bytesRead
    for (let at = newlineBefore(chunk, last); at >= 0; at = newlineBefore(chunk, at)) {
      if (++seen === lines) return from + at + 1
    }
  }
  return 0
}

function newlineBefore(chunk: Buffer, end: number): number {
  return end > 0 ? chunk.lastIndexOf(NEWLINE, end - 1) : -1
}
