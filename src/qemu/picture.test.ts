import { expect, test } from 'vitest'
import { MOST_STALL_MS, measure } from '../testing/flood.js'
import { decodePng, encodePng, hasChanged, type Picture, parsePpm } from './picture.js'

function blank(width = 90, height = 64): Picture {
  return { width, height, pixels: Buffer.alloc(3 * width * height) }
}

/** The same with a filled rectangle. */
function filled({ width, height, pixels }: Picture, left: number, top: number, wide: number, high: number): Picture {
  const copy = Buffer.from(pixels)
  for (let row = top; row < top + high; row++)
    copy.fill(0xaa, 3 * (row * width + left), 3 * (row * width + left + wide))
  return { width, height, pixels: copy }
}

test('a PPM becomes a PNG, and that the same picture', async () => {
  const picture = filled(blank(), 5, 5, 10, 10)
  const ppm = Buffer.concat([Buffer.from('P6\n90 64\n255\n'), picture.pixels])
  expect(parsePpm(ppm)).toEqual(picture)
  const png = await encodePng(picture)
  expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a')
  expect(decodePng(png)).toEqual(picture)
})

test('what is no picture of ours is refused', () => {
  expect(() => parsePpm(Buffer.from('P6\n2 2\n255\nshort'))).toThrow(
    expect.objectContaining({ code: 'MAYFLY_QMP_COMMAND_FAILED' }),
  )
  for (const bytes of [Buffer.alloc(0), Buffer.from('not a PNG at all, but long enough to have a header of one')]) {
    expect(() => decodePng(bytes)).toThrow(expect.objectContaining({ code: 'MAYFLY_OPTION_INVALID' }))
  }
})

test('a cursor that blinks is no change, whether a line or a block', () => {
  expect(hasChanged(blank(), blank())).toBe(false)
  expect(hasChanged(blank(), filled(blank(), 18, 46, 9, 2))).toBe(false)
  expect(hasChanged(filled(blank(), 18, 46, 9, 2), blank())).toBe(false)
  expect(hasChanged(blank(), filled(blank(), 18, 32, 9, 16))).toBe(false)
})

test('a character is one, and so is a cursor that moves', () => {
  const cursor = filled(blank(), 18, 46, 9, 2)
  expect(hasChanged(cursor, filled(blank(), 27, 46, 9, 2))).toBe(true)
  // A dot, a vertical bar, and something with a gap.
  expect(hasChanged(blank(), filled(blank(), 20, 40, 2, 2))).toBe(true)
  expect(hasChanged(blank(), filled(blank(), 20, 32, 2, 14))).toBe(true)
  expect(hasChanged(blank(), filled(filled(blank(), 18, 32, 9, 2), 18, 40, 9, 2))).toBe(true)
  expect(hasChanged(blank(), blank(91))).toBe(true)
})

test('a screen as large as can be stalls nothing', async () => {
  const [width, height] = [4096, 2048]
  const before = blank(width, height)
  const after = filled(before, 4000, 2000, 9, 2)
  const footprint = measure()
  expect(hasChanged(before, after)).toBe(false)
  await encodePng(after)
  expect(footprint().stallMs).toBeLessThan(MOST_STALL_MS)
  expect(() => parsePpm(Buffer.concat([Buffer.from('P6\n4096 2049\n255\n'), Buffer.alloc(3 * 4096 * 2049)]))).toThrow(
    expect.objectContaining({ code: 'MAYFLY_QMP_COMMAND_FAILED' }),
  )
})
