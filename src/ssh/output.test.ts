import { expect, test } from 'vitest'
import { lastLines, OutputBuffer, TAIL_BYTES } from './output.js'

const buffered = (bytes: Buffer, tailOnly: boolean) => {
  const output = new OutputBuffer(1e6, tailOnly)
  for (const byte of bytes) output.add(Buffer.from([byte]))
  return output
}

test.each([
  ['that begin as the middle of a character', [0xa3, 0x31, 0x30, 0x30], '\ufffd100'],
  [
    'that are no UTF-8 wherever they stand',
    [0x80, 0xbf, 0xbf, 0xbf, 0x78, 0xff, 0xa3],
    '\ufffd\ufffd\ufffd\ufffdx\ufffd\ufffd',
  ],
  ['of a byte order mark', [0xef, 0xbb, 0xbf, 0x61], '\ufeffa'],
  ['of a character in pieces', [0xf0, 0x9f, 0x98, 0x80], '😀'],
])('keeps bytes %s', (_name, bytes, text) => {
  for (const tailOnly of [false, true]) {
    expect(buffered(Buffer.from(bytes), tailOnly).text()).toBe(text)
    expect(buffered(Buffer.from(bytes), tailOnly).lastLines('out')).toEqual([`out: ${text}`])
  }
})

test('begins a tail with a whole character', () => {
  const output = new OutputBuffer(1e6, true)
  output.add(Buffer.from('é'.repeat(TAIL_BYTES)))
  output.add(Buffer.from('x'))
  expect(output.text()).toBe(`${'é'.repeat(TAIL_BYTES / 2 - 1)}x`)
  expect(lastLines('out', Buffer.from(`${'é'.repeat(4096)}x`))).toEqual([`out: ${'é'.repeat(2047)}x`])
})
