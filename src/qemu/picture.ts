import { promisify } from 'node:util'
import { crc32, deflate, inflateSync } from 'node:zlib'
import { MayflyError } from '../errors.js'

/** What a screen shows: rows of pixels from the top, three bytes each, red, green and blue. */
export interface Picture {
  width: number
  height: number
  pixels: Buffer
}

/** More pixels than any screen that Mayfly gives a guest can have: its card has 8 MiB. */
const MOST_PIXELS = 8 * 1024 * 1024
/** A PPM of so many, with its header. */
export const MOST_PPM_BYTES = 3 * MOST_PIXELS + 64

/** Reads a binary PPM, which is what QEMU dumps. */
export function parsePpm(bytes: Buffer): Picture {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString('latin1', 0, 64))
  const [width, height] = [Number(header?.[1]), Number(header?.[2])]
  const pixels = bytes.subarray(header?.[0].length ?? 0)
  if (header && width * height <= MOST_PIXELS && pixels.length === 3 * width * height) return { width, height, pixels }
  throw new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU dumped a screen of ${bytes.length} bytes that is no picture`)
}

/** Of a large screen it takes longer than others can wait. */
const compress = promisify<Buffer, Buffer>(deflate)

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
/** Eight bits each of red, green and blue; deflate, no interlacing. */
const FORMAT = Buffer.from([8, 2, 0, 0, 0])

/**
 * The picture as a PNG, whose rows are not filtered: text on a black screen gets no smaller by that.
 * @see https://www.w3.org/TR/png-3/
 */
export async function encodePng({ width, height, pixels }: Picture): Promise<Buffer> {
  const stride = 3 * width
  const rows = Buffer.alloc(height * (stride + 1))
  for (let row = 0; row < height; row++) pixels.copy(rows, row * (stride + 1) + 1, row * stride, (row + 1) * stride)
  const size = Buffer.alloc(8)
  size.writeUInt32BE(width, 0)
  size.writeUInt32BE(height, 4)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', Buffer.concat([size, FORMAT])),
    chunk('IDAT', await compress(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}

/**
 * Reads a PNG of `encodePng`.
 * @throws MayflyError MAYFLY_OPTION_INVALID for any other.
 */
export function decodePng(png: Uint8Array): Picture {
  const bytes = Buffer.from(png)
  try {
    const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
    const stride = 3 * width
    // Behind the signature, the header of 25 bytes, and the length and type of the only chunk of data.
    if (width * height > MOST_PIXELS) throw new Error('too large')
    const options = { maxOutputLength: height * (stride + 1) + 1 }
    const rows = inflateSync(bytes.subarray(41, 41 + bytes.readUInt32BE(33)), options)
    const filtered = Array.from({ length: height }, (_, row) => rows[row * (stride + 1)]).some((filter) => filter !== 0)
    if (filtered || rows.length !== height * (stride + 1)) throw new Error('another kind of PNG')
    const pixels = Buffer.alloc(height * stride)
    for (let row = 0; row < height; row++)
      rows.copy(pixels, row * stride, row * (stride + 1) + 1, (row + 1) * (stride + 1))
    return { width, height, pixels }
  } catch (cause) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', 'this is not a screenshot', {
      hint: 'Give what screenshot() or waitForScreenChange() gave.',
      cause,
    })
  }
}

/** A text console's cursor is at most as large as one character. */
const CELL = { width: 9, height: 16 }

/**
 * Whether a screen has changed otherwise than by its cursor's blinking: than by a full rectangle, no larger than a character, all of whose
 * pixels are others.
 */
export function hasChanged(before: Picture, after: Picture): boolean {
  if (before.width !== after.width || before.height !== after.height) return true
  if (before.pixels.equals(after.pixels)) return false
  let [left, right, top, bottom, count] = [before.width, -1, -1, -1, 0]
  const stride = 3 * before.width
  for (let row = 0; row < before.height; row++) {
    const start = row * stride
    if (before.pixels.compare(after.pixels, start, start + stride, start, start + stride) === 0) continue
    if (top < 0) top = row
    bottom = row
    for (let column = 0; column < before.width; column++) {
      const at = start + 3 * column
      if (before.pixels.readUIntBE(at, 3) === after.pixels.readUIntBE(at, 3)) continue
      left = Math.min(left, column)
      right = Math.max(right, column)
      count++
      if (right - left >= CELL.width || bottom - top >= CELL.height) return true
    }
  }
  return count < (right + 1 - left) * (bottom + 1 - top) || right + 1 - left < CELL.width - 1
}
