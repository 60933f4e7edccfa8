import { expect, test } from 'vitest'
import { ShownStream } from './shown-stream.js'

/** A piece that ends in colour ends its colour. */
const RESETS = '\u001b[0m'
const LOG = '\u001b[32m  OK  \u001b[0m Started é\r\n\u001b]0;pwned\u0007\u009b2J\r50 %\r\r\nend'

test.each([
  [true, '\u001b[32m  OK  \u001b[0m Started é\n\\x1b]0;pwned\\x07\\x9b2J\\x0d50 %\nend'],
  [false, '  OK   Started é\n\\x1b]0;pwned\\x07\\x9b2J\\x0d50 %\nend'],
])('a log is shown alike whatever pieces it comes in (colours: %s)', (colours, expected) => {
  const bytes = Buffer.from(LOG)
  for (let size = 1; size <= bytes.length; size++) {
    const stream = new ShownStream(colours)
    let text = ''
    for (let at = 0; at < bytes.length; at += size) text += stream.push(bytes.subarray(at, at + size))
    expect((text + stream.end()).replaceAll(RESETS, '')).toBe(expected.replaceAll(RESETS, ''))
  }
})
