import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { errorsIn } from './diagnostic.js'
import { formatVmFile } from './format.js'
import { parseVmFile } from './parse.js'
import { read } from './read.js'
import { randomKdl } from './testing/random-kdl.js'

const FIXTURES = fileURLToPath(new URL('../../fixtures/vmfiles/', import.meta.url))
const path = 'VMFile.kdl'
const format = (text: string) => formatVmFile(text, { path })
const namesIn = (directory: string) =>
  readdirSync(`${FIXTURES}${directory}`).flatMap((name) => (name.endsWith('.kdl') ? [`${directory}/${name}`] : []))
const textOf = (name: string) => readFileSync(`${FIXTURES}${name}`, 'utf8')

test.each([...namesIn('format'), 'good/kdl-v1.kdl'])('%s is put in order, with its comments', async (name) => {
  await expect(format(textOf(name))).toMatchFileSnapshot(`${FIXTURES}${name.replace('.kdl', '.formatted.txt')}`)
})

test.each(namesIn('vmctl'))('%s is in order', (name) => {
  expect(format(textOf(name))).toBe(textOf(name))
})

/** As an editor without settings, or a merge, might have left it. */
const DISORDER: [string, (text: string) => string][] = [
  ['no indentation', (text) => text.replace(/^[ \t]+/gm, '')],
  ['tabs', (text) => text.replace(/^( +)/gm, (spaces) => '\t'.repeat(spaces.length))],
  ['white space at the ends of lines', (text) => text.replace(/$/gm, ' \t')],
  ['blank lines', (text) => text.replace(/\n\n/g, '\n\n\n\n').concat('\n\n')],
  ['many spaces', (text) => text.replace(/^( *[a-z-]+) /gm, '$1    ')],
  ['semicolons', (text) => text.replace(/^( *[a-z-]+ (?:\d+|"[^"\n]*"))$/gm, '$1 ;')],
]

test.each(DISORDER)('%s is put in order: the result is as if it had never been there', (_, disturb) => {
  for (const name of namesIn('vmctl')) expect(format(disturb(textOf(name)))).toBe(textOf(name))
})

test('a file with CR LF keeps that', () => {
  const text = textOf('vmctl/full-example.kdl').replaceAll('\n', '\r\n')
  expect(format(text)).toBe(text)
  expect(format(text.replaceAll('  ', '\t'))).toBe(text)
})

test('what is formatted stays as it is, and means the same', () => {
  for (const name of [...namesIn('good'), ...namesIn('format')]) {
    const once = format(textOf(name))
    expect(format(once)).toBe(once)
    const plain = (text: string) => parseVmFile(text, { path }).map((machine) => ({ ...machine, places: undefined }))
    expect(plain(once)).toEqual(plain(textOf(name)))
  }
  let formatted = 0
  for (const text of randomKdl(2500, 11)) {
    if (errorsIn(read(text).diagnostics.sorted).length > 0) continue
    const once = format(text)
    expect({ text, again: format(once) }).toEqual({ text, again: once })
    formatted++
  }
  expect(formatted).toBeGreaterThan(250)
})

test('no comment is lost', () => {
  const comments = (text: string) => text.match(/\/\/.*?(?=\s*$)|\/\*[\s\S]*?\*\//gm)
  for (const name of [...namesIn('good'), ...namesIn('format'), ...namesIn('vmctl')]) {
    expect(comments(format(textOf(name)))).toEqual(comments(textOf(name)))
  }
})

test('what is no KDL is refused, with its place', () => {
  expect(() => format('vm "web" {\n  image "x\n}\n')).toThrow(
    expect.objectContaining({
      code: 'MAYFLY_VMFILE_INVALID',
      message: expect.stringContaining('VMFile.kdl:2:9: error: this string is not closed'),
    }),
  )
})
