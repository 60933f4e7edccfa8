import { expect, test } from 'vitest'
import { OutputLines } from './output-lines.js'

test.each([1, 2, 3, 5, 100])('lines are whole, however they come: %i bytes at a time', (size) => {
  const seen: string[] = []
  const lines = new OutputLines((line) => seen.push(line))
  const bytes = Buffer.from('one\n\n  zwölf €\r\nlast')
  for (let at = 0; at < bytes.length; at += size) lines.push(bytes.subarray(at, at + size))
  expect(seen).toEqual(['one', '', '  zwölf €'])
  lines.end()
  lines.end()
  expect(seen).toEqual(['one', '', '  zwölf €', 'last'])
})
