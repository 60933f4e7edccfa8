import { expect, test } from 'vitest'
import { parseRecords, someOf } from './records.js'

test('values hold anything but a NUL; what comes behind the end holds that, too', () => {
  const records = parseRecords('a=1\0b= two\nlines = x \0end=\0raw\0bytes\n')
  expect(records?.text('a')).toBe('1')
  expect(records?.exact('b')).toBe(' two\nlines = x ')
  expect(records?.lines('b')).toEqual(['two', 'lines = x'])
  expect(records?.rest).toBe('raw\0bytes\n')
})

test('what was not said is empty, and told from what was said to be empty', () => {
  const records = parseRecords('empty=\0end=\0')
  expect([records?.has('empty'), records?.has('missing')]).toEqual([true, false])
  expect([records?.text('missing'), records?.exact('missing'), records?.exact('empty')]).toEqual(['', undefined, ''])
})

test.each(['', 'a=1\0', 'sh: not found\n', 'a=1\0end='])('an answer without an end is none: %j', (output) => {
  expect(parseRecords(output)).toBeUndefined()
})

test('a long list of names is cut', () => {
  const names = Array.from({ length: 42 }, (_, index) => `n${index}`)
  expect(someOf(names)).toMatch(/n39, and 2 more$/)
  expect(someOf(names.slice(0, 40))).toMatch(/n39$/)
})
