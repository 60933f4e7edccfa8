import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

test.each([
  ['the first example', /^```ts\n(.*?)^```$/ms, 'plain/plain.test.ts'],
  ['that of the matchers', /^## Resources and matchers\n\n```ts\n(.*?)^```$/ms, 'matchers/matchers.test.ts'],
])('%s of the README is one of the examples, word for word', async (_, block, example) => {
  expect(block.exec(await read('../README.md'))?.[1]).toBe(await read(example))
})
