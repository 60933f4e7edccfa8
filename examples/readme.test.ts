import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

test('the first example of the README is taken from examples/plain, word for word', async () => {
  const [, block = ''] = /^```ts\n(.*?)\n```$/ms.exec(await read('../README.md')) ?? []
  const example = await read('plain/plain.test.ts')
  const paragraphs = block.split('\n\n')
  expect(paragraphs.length).toBeGreaterThanOrEqual(3)
  // In the order of the file: what is left of it gets shorter with every paragraph that is found.
  let rest = example
  for (const paragraph of paragraphs) {
    expect(rest).toContain(`${paragraph}\n`)
    rest = rest.slice(rest.indexOf(paragraph) + paragraph.length)
  }
})
