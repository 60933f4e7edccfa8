import { expect, test } from 'vitest'
import { MayflyError } from './errors.js'
import { shown, shownInColour, shownJson, shownPlain } from './shown-text.js'

const UNSAFE_ONES = /(?![\n\t])[\p{Cc}\u202e]/u

test.each([
  ['a title', '\u001b]0;pwned\u0007', '\\x1b]0;pwned\\x07'],
  ['the clipboard', '\u001b]52;c;cHduZWQ=\u0007', '\\x1b]52;c;cHduZWQ=\\x07'],
  ['a device control string', '\u001bP1$r\u001b\\', '\\x1bP1$r\\x1b\\'],
  ['C1 controls', '\u009b2J\u009d0;pwned\u009c', '\\x9b2J\\x9d0;pwned\\x9c'],
  ['a line that would be written over', 'rm -rf /\rok\b\b', 'rm -rf /\\x0dok\\x08\\x08'],
  ['text that turns its direction', 'a\u202egnp.exe\u2066\u2069', 'a\\u202egnp.exe\\u2066\\u2069'],
  ['DEL and NUL', '\u007f\u0000', '\\x7f\\x00'],
])('%s is seen, and not executed', (_what, text, visible) => {
  expect(shown(text)).toBe(visible)
  expect(shown(shown(text))).toBe(visible)
})

test('text, tabs, newlines and their carriage returns stay what they are', () => {
  expect(shown('a\tb\nc ☃ 日本 é\n')).toBe('a\tb\nc ☃ 日本 é\n')
  expect(shown('one\r\ntwo\r\r\nthree\r')).toBe('one\ntwo\nthree')
})

test('colours stay only where they are wanted, and end with the text', () => {
  const text = '\u001b[0;32m  OK  \u001b[0m Started\n\u001b[31mred\nplain\u001b[2J'
  expect(shownPlain(text)).toBe('  OK   Started\nred\nplain\\x1b[2J')
  expect(shownInColour(text)).toBe('\u001b[0;32m  OK  \u001b[0m Started\n\u001b[31mred\nplain\\x1b[2J\u001b[0m')
})

test('JSON keeps its value', () => {
  const value = { text: 'a\u001b[2J\u009b\u202e' }
  expect(shownJson(value)).not.toMatch(UNSAFE_ONES)
  expect(JSON.parse(shownJson(value))).toEqual(value)
})

test('errors show what they are given: message, details, hint and cause', () => {
  const hostile = '\u001b]0;pwned\u0007'
  const error = new MayflyError('MAYFLY_COMMAND_FAILED', `failed: ${hostile}`, {
    details: [`stdout: ${hostile}`],
    hint: `try ${hostile}`,
    cause: new Error(`server said ${hostile}`),
  })
  const all = [error.message, error.stack, error.shortMessage, ...error.details, error.hint]
  const cause = error.cause as Error
  for (const text of [...all, cause.message, cause.stack]) expect(text).not.toMatch(UNSAFE_ONES)
  expect(error.shortMessage).toBe('failed: \\x1b]0;pwned\\x07')
  expect(error.withDetails(['more']).details).toEqual(['stdout: \\x1b]0;pwned\\x07', 'more'])
  expect(cause.message).toBe('server said \\x1b]0;pwned\\x07')
})

test('a cause that is harmless is the same object', () => {
  const cause = new Error('ENOENT')
  expect(new MayflyError('MAYFLY_CACHE_UNUSABLE', 'no', { cause }).cause).toBe(cause)
})
