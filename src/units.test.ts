import { describe, expect, test } from 'vitest'
import { formatBytes, formatMilliseconds, GIB, MIB, toBytes, toMilliseconds } from './units.js'

describe('toMilliseconds', () => {
  test.each([
    [250, 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['0', undefined],
    [0, 0],
  ])('%j is %j', (value, expected) => {
    if (expected === undefined) expect(() => toMilliseconds(value)).toThrow(/not a duration/)
    else expect(toMilliseconds(value)).toBe(expected)
  })

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '', 'soon', '5 parsecs', '-5s'])(
    '%j is refused, by name',
    (value) => {
      expect(() => toMilliseconds(value, 'timeout')).toThrow(/timeout is not a duration.*\n.*Hint/)
    },
  )
})

describe('toBytes', () => {
  test.each([
    [512, 512 * MIB],
    ['512MiB', 512 * MIB],
    ['1GiB', GIB],
    ['1G', GIB],
    ['1GB', 1_000_000_000],
    ['0.5 GiB', GIB / 2],
    ['4096', 4096],
  ])('%j, counted in MiB, is %j', (value, expected) => {
    expect(toBytes(value, MIB)).toBe(expected)
  })

  test.each([-1, 'big', '1XB', ''])('%j is refused, by name', (value) => {
    expect(() => toBytes(value, MIB, 'memory')).toThrow(/memory is not a size/)
  })
})

test('figures for people', () => {
  expect([0, 1023, 1536, 5 * GIB, 200 * MIB].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '5.0 GiB',
    '200 MiB',
  ])
  expect([12.4, 4560, 125_000].map(formatMilliseconds)).toEqual(['12 ms', '4.6 s', '2 min 5 s'])
})
