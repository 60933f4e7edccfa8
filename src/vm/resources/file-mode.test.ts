import { expect, test } from 'vitest'
import { formatMode, parseMode } from './file-mode.js'

test.each([
  [0o644, 0o644],
  ['644', 0o644],
  ['0644', 0o644],
  ['4755', 0o4755],
  ['000', 0],
  ['rw-r--r--', 0o644],
  ['-rw-r--r--', 0o644],
  ['drwxrwxrwt', 0o1777],
  ['rwsr-Sr-T', 0o7744],
  ['u=rw,go=r', 0o644],
  ['u=rwx,g=rx,o=', 0o750],
  ['a=rx', 0o555],
  ['u=rws,g=rxs,o=t', 0o7650],
])('%j is %i', (mode, bits) => {
  expect(parseMode(mode)).toBe(bits)
})

test.each(['', '9', '64', '888', '77777', 'rw-', 'u+x', 'u=q', 'rwxrwxrwxx', -1, 0o10000, 1.5, Number.NaN])(
  '%j is no mode',
  (mode) => {
    expect(() => parseMode(mode)).toThrow(/not a file mode.*MAYFLY_OPTION_INVALID/)
  },
)

test('a mode is written as stat does', () => {
  expect([0o100644, 0o4755, 0].map(formatMode)).toEqual(['644', '4755', '0'])
})
