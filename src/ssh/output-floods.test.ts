import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { costOf, flood, GIGABYTE, MOST_MIB, MOST_STALL_MS, measure } from '../testing/flood.js'
import { MIB } from '../units.js'
import { AfterMarker } from './after-marker.js'
import { Framed } from './framed.js'
import { OutputBuffer } from './output.js'
import { OutputLines } from './output-lines.js'

test.each<[string, () => (chunk: Buffer) => void, number?]>([
  [
    'the output of a command, beyond its limit',
    () => {
      const output = new OutputBuffer(16 * MIB, false)
      return (chunk) => void output.add(chunk)
    },
  ],
  [
    'the output of a command that is listened to',
    () => {
      const output = new OutputBuffer(32 * MIB, true)
      return (chunk) => void output.add(chunk)
    },
  ],
  [
    'the output of a provision step',
    () => {
      const lines = new OutputLines(() => {})
      return (chunk) => lines.push(chunk)
    },
  ],
  [
    'a look at the guest, before it begins',
    () => {
      const framed = new Framed('FRAME')
      return (chunk) => framed.add(chunk)
    },
  ],
  [
    'a look at the guest, when it has begun',
    () => {
      const framed = new Framed('FRAME')
      framed.add(Buffer.from('FRAME'))
      return (chunk) => framed.add(chunk)
    },
  ],
  [
    'what start-up files print',
    () => {
      const marker = new AfterMarker('FRAME')
      return (chunk) => void marker.take(chunk)
    },
  ],
])('%s: a line that does not end costs neither memory nor a stall', async (_what, reader) => {
  const flooding = flood({ bytes: GIGABYTE / 4 })
  flooding.stream.on('data', reader())
  const { grownMiB, stallMs } = await costOf(flooding)
  expect(grownMiB).toBeLessThan(MOST_MIB)
  expect(stallMs).toBeLessThan(MOST_STALL_MS)
})

test('a look that prints too much is an error, and what comes then is dropped', async () => {
  const framed = new Framed('FRAME')
  framed.add(Buffer.from('FRAME'))
  for (let index = 0; index < 17; index++) framed.add(Buffer.alloc(MIB, 'A'))
  framed.add(Buffer.from('FRAME 0\n'))
  await expect(framed.ended).rejects.toMatchObject({ code: 'MAYFLY_OUTPUT_TOO_LARGE' })
  expect(framed.text.length).toBeLessThan(2 * MIB)
})

test('pieces of a byte cost no more than their bytes', () => {
  const output = new OutputBuffer(64 * MIB, false)
  const footprint = measure()
  const piece = Buffer.from('A')
  for (let index = 0; index < 2_000_000; index++) output.add(piece)
  expect(footprint().grownMiB).toBeLessThan(MOST_MIB)
  expect(output.bytes()).toHaveLength(2_000_000)
})

test.each([false, true])('what was added is what is kept (the end only: %s)', (tailOnly) => {
  const output = new OutputBuffer(64 * MIB, tailOnly)
  const all: Buffer[] = []
  for (let index = 0; index < 3000; index++) {
    const chunk = randomBytes(index % 7 === 0 ? 5000 : index % 100)
    all.push(chunk)
    output.add(chunk)
  }
  const whole = Buffer.concat(all)
  expect(output.bytes().equals(tailOnly ? whole.subarray(-64 * 1024) : whole)).toBe(true)
})

test('long lines are taken in pieces', () => {
  const taken: string[] = []
  const lines = new OutputLines((line) => taken.push(line))
  lines.push(Buffer.from(`a\n\n${'b'.repeat(40_000)}`))
  lines.push(Buffer.from('\nc'))
  lines.end()
  expect(taken.map(({ length }) => length)).toEqual([1, 0, 16_384, 16_384, 7232, 0, 1])
})
