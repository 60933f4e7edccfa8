import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

test('the first example of the README is examples/plain, word for word', async () => {
  const [, block] = /^```ts\n(.*?)^```$/ms.exec(await read('../README.md')) ?? []
  expect(block).toBe(await read('plain/plain.test.ts'))
})
