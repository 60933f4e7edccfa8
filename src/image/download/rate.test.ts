import { expect, test } from 'vitest'
import { MIB } from '../../units.js'
import { RateMeter } from './rate.js'

test('says how much is there, how fast it comes and how long the rest will take', () => {
  const lines: string[] = []
  let now = 0
  const meter = new RateMeter(
    (line) => lines.push(line),
    () => now,
  )
  meter.update(50 * MIB, 200 * MIB)
  // Too soon for another line.
  now = 50
  meter.update(60 * MIB, 200 * MIB)
  now = 1000
  meter.update(100 * MIB, 200 * MIB)
  expect(lines).toEqual(['50.0 MiB of 200 MiB (25 %)', '100 MiB of 200 MiB (50 %), 50.0 MiB/s, 2.0 s left'])
})

test('without a size it says no more than it can, and a new beginning is no negative rate', () => {
  const lines: string[] = []
  let now = 0
  const meter = new RateMeter(
    (line) => lines.push(line),
    () => now,
  )
  meter.update(MIB, undefined)
  now = 500
  meter.update(2 * MIB, undefined)
  meter.update(0, undefined)
  expect(lines).toEqual(['1.0 MiB', '2.0 MiB, 2.0 MiB/s', '0 B'])
})

test('the rate is that of the last seconds', () => {
  let line = ''
  let now = 0
  const meter = new RateMeter(
    (text) => (line = text),
    () => now,
  )
  for (let second = 0; second < 10; second++, now += 100) meter.update(second * 100 * MIB, undefined)
  for (let second = 0; second < 60; second++, now += 100) meter.update(1000 * MIB + second * MIB, undefined)
  expect(line).toMatch(/, 10\.\d MiB\/s$/)
})
