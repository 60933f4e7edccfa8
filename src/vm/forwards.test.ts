import { expect, test } from 'vitest'
import { assertPort } from './forwards.js'

test.each([0, -1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '80' as unknown as number])(
  'rejects the port %s',
  (port) => {
    expect(() => assertPort(port)).toThrow(expect.objectContaining({ code: 'MAYFLY_OPTION_INVALID' }))
  },
)

test.each([1, 22, 65_535])('accepts the port %s', (port) => {
  expect(() => assertPort(port)).not.toThrow()
})
