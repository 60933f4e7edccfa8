import { open } from 'node:fs/promises'
import { errnoOf } from '../errors.js'

const CHUNK = 64 * 1024

/** The last lines of a file, or all of it; empty if there is none. Reads from its end: a log may be long. */
export async function lastLines(path: string, lines?: number): Promise<string> {
  const file = await open(path).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (!file) return ''
  try {
    const { size } = await file.stat()
    let text = Buffer.alloc(0)
    for (let start = size; start > 0; ) {
      const length = Math.min(CHUNK, start)
      start -= length
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start)
      text = Buffer.concat([buffer.subarray(0, bytesRead), text])
      const from = lines === undefined ? -1 : startOfLast(text, lines)
      if (from > 0) return text.subarray(from).toString()
    }
    return lines === 0 ? '' : text.toString()
  } finally {
    await file.close()
  }
}

/** Where the last `lines` lines begin; -1 if there are not more than that. */
function startOfLast(text: Buffer, lines: number): number {
  // The line feed that ends the last line begins no other.
  let at = text.at(-1) === 0x0a ? text.length - 1 : text.length
  for (let seen = 0; seen < lines; seen++) {
    at = text.lastIndexOf(0x0a, at - 1)
    if (at <= 0) return -1
  }
  return at + 1
}
