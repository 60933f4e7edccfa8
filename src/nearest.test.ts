import { expect, test } from 'vitest'
import { nearest } from './nearest.js'

const NAMES = ['micro', 'debian', 'debian:trixie']

test.each([
  ['mirco', 'micro'],
  ['Micro', 'micro'],
  ['debain', 'debian'],
  ['debian:trixy', 'debian:trixie'],
  ['windows', undefined],
  ['', undefined],
])('%j is nearest to %j', (typed, meant) => {
  expect(nearest(typed, NAMES)).toBe(meant)
})

test('two letters that have changed places are one mistake', () => {
  expect(nearest('wbe', ['db', 'web'])).toBe('web')
  expect(nearest('bd', ['web', 'db'])).toBe('db')
})
