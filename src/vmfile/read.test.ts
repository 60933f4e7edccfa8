import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Document, parse } from 'kdljs'
import { expect, test } from 'vitest'
import { errorsIn } from './diagnostic.js'
import type { KdlNode } from './kdl.js'
import { hideV1Strings } from './kdl-v1.js'
import { read } from './read.js'
import { randomKdl } from './testing/random-kdl.js'

const FIXTURES = fileURLToPath(new URL('../../fixtures/vmfiles/', import.meta.url))

interface Plain {
  name: string
  values: unknown[]
  properties: Record<string, unknown>
  children: Plain[]
}

/** What kdljs keeps of a document. */
function kept(nodes: readonly KdlNode[]): Plain[] {
  return nodes.map(({ name, values, properties, children = [] }) => ({
    name,
    values: values.map(({ value }) => value),
    properties: Object.fromEntries(properties.map((property) => [property.name, property.value.value])),
    children: kept(children),
  }))
}

function keptByKdljs(nodes: Document): Plain[] {
  return nodes.map(({ name, values, properties, children }) => ({
    name,
    values,
    properties: { ...properties },
    children: keptByKdljs(children),
  }))
}

const right = ['vmctl/full-example', 'vmctl/fragments', 'vmctl/omnios-builder', 'vmctl/multi-vm', 'good/kdl-v2']

test('another language is given up on, and blocks without end: not the time, and not the stack', () => {
  const messages = (text: string) => read(text).diagnostics.sorted.map(({ message }) => message)
  const json = `{${'"key": ["value", {"a": 1}],\n'.repeat(20_000)}}`
  expect(messages(json)).toContain('too much of this file is no KDL: the rest of it has not been read')
  expect(messages('a {'.repeat(20_000))).toEqual([
    'blocks are nested too deeply: the rest of the file has not been read',
  ])
  expect(messages('a {'.repeat(60) + '}'.repeat(60))).toEqual([])
})

test.each(right)('%s is to this reader what it is to kdljs', (name) => {
  const text = readFileSync(`${FIXTURES}${name}.kdl`, 'utf8')
  const { errors, output } = parse(text)
  expect(errors).toEqual([])
  expect(kept(read(text).nodes)).toEqual(keptByKdljs(output!))
})

test('random documents: what is right to kdljs is so to this reader and means the same, and what is wrong is wrong', () => {
  let [accepted, refused] = [0, 0]
  for (const text of randomKdl(2500, 5)) {
    // Both are read on purpose: version 1, and a block that no space stands before.
    if (hideV1Strings(text) || /\S\{/.test(text)) continue
    const theirs = parse(text)
    const { nodes, diagnostics } = read(text)
    const isRight = errorsIn(diagnostics.sorted).length === 0
    expect({ text, isRight }).toEqual({ text, isRight: theirs.errors.length === 0 })
    if (isRight) expect({ text, nodes: kept(nodes) }).toEqual({ text, nodes: keptByKdljs(theirs.output!) })
    if (isRight) accepted++
    else refused++
  }
  expect(Math.min(accepted, refused)).toBeGreaterThan(250)
})

test('every file that is cut off somewhere is refused or read, and never in vain', () => {
  const names = readdirSync(`${FIXTURES}good`).filter((name) => name.endsWith('.kdl'))
  for (const name of names) {
    const text = readFileSync(`${FIXTURES}good/${name}`, 'utf8')
    for (let length = 0; length < text.length; length += 7) {
      const found = read(text.slice(0, length)).diagnostics.sorted
      for (const { span } of found) expect(span.start).toBeLessThanOrEqual(length)
    }
  }
})

test('code points above U+FFFF are themselves', () => {
  expect(read('a "\\u{1F600}" """\n  \\u{1F600}\n  """').nodes[0]!.values).toMatchObject([
    { value: '😀' },
    { value: '😀' },
  ])
})
