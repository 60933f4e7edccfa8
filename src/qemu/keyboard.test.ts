import { expect, test } from 'vitest'
import { chordOf, chordsOf } from './keyboard.js'

test('names as users know them, and QEMU does', () => {
  expect(chordOf('ctrl-alt-f2')).toEqual(['ctrl', 'alt', 'f2'])
  expect(chordOf('Ctrl-Alt-Delete')).toEqual(['ctrl', 'alt', 'delete'])
  expect(chordOf('enter')).toEqual(['ret'])
  expect(chordOf('ret')).toEqual(['ret'])
  expect(chordOf('Escape')).toEqual(['esc'])
  expect(chordOf('super-l')).toEqual(['meta_l', 'l'])
})

test('characters, with the shift that they need', () => {
  expect(chordOf('a')).toEqual(['a'])
  expect(chordOf('A')).toEqual(['shift', 'a'])
  expect(chordOf('shift-A')).toEqual(['shift', 'a'])
  expect(chordOf('ctrl-?')).toEqual(['ctrl', 'shift', 'slash'])
  expect(chordOf('-')).toEqual(['minus'])
  expect(chordOf('ctrl--')).toEqual(['ctrl', 'minus'])
  expect(chordOf('ctrl-minus')).toEqual(['ctrl', 'minus'])
})

test('every ASCII character has its keys, no two the same', () => {
  const text = `\n\t${Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')}`
  const chords = chordsOf(text).map((chord) => chord.join('-'))
  expect(new Set(chords).size).toBe(97)
  expect(chordsOf('a"\r\n')).toEqual([['a'], ['shift', 'apostrophe'], ['ret']])
})

test.each(['', 'ctrl-', 'ctrl-alt-f99', 'bang', 'é'])('there is no key %j', (text) => {
  expect(() => chordOf(text)).toThrow(expect.objectContaining({ code: 'MAYFLY_OPTION_INVALID' }))
})

test('a character that no key types is named, with its place', () => {
  expect(() => chordsOf('caf\u00e9')).toThrow(/"é", character 4 of the text/)
})
