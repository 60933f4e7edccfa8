import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { followFile } from './follow-file.js'
import { bytesOf, lastLines } from './last-lines.js'

let root: string
let path: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mayfly-log-'))
  path = join(root, 'log')
})
afterEach(() => rm(root, { recursive: true, force: true }))

test('the last lines of a file, however long it and they are', async () => {
  expect(await lastLines(path, 3)).toBe('')
  await writeFile(path, 'one\ntwo\nthree')
  expect(await lastLines(path, 0)).toBe('')
  expect(await lastLines(path, 2)).toBe('two\nthree')
  expect(await lastLines(path, 3)).toBe('one\ntwo\nthree')
  await appendFile(path, '\n')
  expect(await lastLines(path, 1)).toBe('three\n')
  expect(await lastLines(path, 9)).toBe('one\ntwo\nthree\n')
  const long = 'é'.repeat(100_000)
  await writeFile(path, `${long}\n${long}\nlast\n`)
  expect(await lastLines(path, 2)).toBe(`${long}\nlast\n`)
  let bytes = 0
  for await (const chunk of bytesOf(path, 200_002)) bytes += chunk.length
  expect(bytes).toBe(200_002)
})

test('a line without an end is no more than a megabyte', async () => {
  await writeFile(path, 'A'.repeat(3 * 1024 ** 2))
  expect(await lastLines(path, 2)).toHaveLength(1024 ** 2)
})

test('a file is followed from before it is there, through what is written, replaced and cut', async () => {
  const end = new AbortController()
  let text = ''
  const followed = (async () => {
    for await (const chunk of followFile(path, { signal: end.signal })) text += chunk
  })()
  const seen = (wanted: string) => expect.poll(() => text, { timeout: 5000 }).toBe(wanted)
  await writeFile(path, 'one')
  await seen('one')
  await appendFile(path, ' two')
  await seen('one two')
  await writeFile(`${path}.new`, ' three')
  await rename(`${path}.new`, path)
  await seen('one two three')
  await writeFile(path, '!')
  await seen('one two three!')
  end.abort()
  await followed
})

test('only what comes after a byte', async () => {
  await writeFile(path, 'before|after')
  for await (const chunk of followFile(path, { from: 7, signal: AbortSignal.timeout(5000) })) {
    expect(String(chunk)).toBe('after')
    break
  }
})
