import { expect, test } from 'vitest'
import { ansiPieces, withoutAnsi } from './ansi.js'

test.each([
  [
    '\u001b[31mred\u001b[39m plain',
    [
      { text: 'red', classes: 'ink-red' },
      { text: ' plain', classes: '' },
    ],
  ],
  [
    '\u001b[1;4;92mall\u001b[0mnone',
    [
      { text: 'all', classes: 'strong underlined ink-green' },
      { text: 'none', classes: '' },
    ],
  ],
  ['\u001b[41mbehind', [{ text: 'behind', classes: 'ground-red' }]],
  ['\u001b[38;5;208mpalette', [{ text: 'palette', classes: '', colour: 'rgb(255 135 0)' }]],
  ['\u001b[38;5;244mgrey', [{ text: 'grey', classes: '', colour: 'rgb(128 128 128)' }]],
  ['\u001b[38;2;1;2;999mtrue', [{ text: 'true', classes: '', colour: 'rgb(1 2 255)' }]],
  ['\u001b[mreset', [{ text: 'reset', classes: '' }]],
])('colours of %j', (text, pieces) => {
  expect(ansiPieces(text)).toEqual(pieces)
})

test.each([
  ['cursor moves', 'a\u001b[2J\u001b[10;20Hb\u001b[Kc', 'abc'],
  ['titles', '\u001b]0;root@vm\u0007$ ls\u001b]8;;http://x\u001b\\', '$ ls'],
  ['line ends of terminals', 'one\r\ntwo\r\r\n', 'one\ntwo\n'],
  ['progress that overwrites itself', '10 %\r50 %\r100 %\ndone', '100 %\ndone'],
  ['bells and other control characters', 'a\u0007b\u0000c\u009bd\te', 'abcd\te'],
  ['a sequence that is cut off', 'end\u001b', 'end'],
  ['marks that turn its direction', 'a\u202egnp.exe\u2066', 'a\\u202egnp.exe\\u2066'],
])('text without %s', (_, text, plain) => {
  expect(withoutAnsi(text)).toBe(plain)
})
