import { expect, test } from 'vitest'
import { table } from './table.js'

test('columns line up, colours have no width, and no line ends in spaces', () => {
  const green = '\x1b[32mok\x1b[39m'
  expect(
    table([
      [green, 'one', 'x'],
      ['fail', 'three', ''],
    ]),
  ).toBe(`${green}    one    x\nfail  three`)
})
