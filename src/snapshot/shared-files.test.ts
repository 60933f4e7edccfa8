import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { SharedFiles } from './shared-files.js'

async function files(...names: string[]): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-shared-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const directory = join(root, 'directory')
  await mkdir(directory)
  const paths = names.map((name) => join(directory, name))
  await Promise.all(paths.map((path) => writeFile(path, '')))
  return paths
}

test('the last user removes them, and their directory when it is empty', async () => {
  const [one, two, other] = await files('one', 'two', 'other')
  const pair = new SharedFiles([one!, two!])
  const single = new SharedFiles([other!])
  pair.retain()
  await pair.release()
  expect(existsSync(one!)).toBe(true)
  await pair.release()
  expect([one, two, other].map((path) => existsSync(path!))).toEqual([false, false, true])
  await single.release()
  expect(existsSync(join(other!, '..'))).toBe(false)
})

test('what they lie on stays as long as they do', async () => {
  const [low, high] = await files('low', 'high')
  const below = new SharedFiles([low!])
  const above = new SharedFiles([high!], below)
  await below.release()
  expect(existsSync(low!)).toBe(true)
  await above.release()
  expect(existsSync(low!)).toBe(false)
  expect(() => above.retain()).toThrow('nobody keeps')
})

test('files that never came to be are no reason to fail', async () => {
  await new SharedFiles([join(tmpdir(), 'mayfly-nowhere', 'file')]).release()
})
