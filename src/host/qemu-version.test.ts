import { expect, test } from 'vitest'
import { isQemuAtLeast } from './qemu-version.js'

test.each([
  ['7.2.22', false],
  ['8.1.5', false],
  ['8.2.0', true],
  ['8.10', true],
  ['9.0.1', true],
  ['10.0.2', true],
])('%s is 8.2 or later: %s', (version, expected) => {
  expect(isQemuAtLeast({ version }, 8, 2)).toBe(expected)
})
