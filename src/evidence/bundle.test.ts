import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ignoreInGit, publishBundle, writeInto } from './bundle.js'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-bundle-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

test('a bundle replaces the one before as a whole', async () => {
  const target = join(directory, 'web.test.ts', 'one')
  await publishBundle(target, (staging) => writeInto(staging, 'vm/old.txt', 'old'))
  await publishBundle(target, async (staging) => {
    await writeInto(staging, 'vm/new.txt', 'new')
    expect(await readdir(join(target, 'vm'))).toEqual(['old.txt'])
  })
  expect(await readdir(join(target, 'vm'))).toEqual(['new.txt'])
})

test('one that cannot be filled leaves the one before, and nothing else', async () => {
  const target = join(directory, 'one')
  await publishBundle(target, (staging) => writeInto(staging, 'a', 'a'))
  const failing = publishBundle(target, async (staging) => {
    await writeInto(staging, 'b', 'b')
    throw new Error('disk full')
  })
  await expect(failing).rejects.toThrow('disk full')
  expect(await readdir(directory)).toEqual(['one'])
  expect(await readdir(target)).toEqual(['a'])
})

test('what a worker left that died on the way is removed; that of another test is not', async () => {
  await mkdir(join(directory, '.one.partial-0badcafe'))
  await mkdir(join(directory, '.two.partial-0badcafe'))
  await publishBundle(join(directory, 'one'), (staging) => writeInto(staging, 'a', 'a'))
  expect((await readdir(directory)).sort()).toEqual(['.two.partial-0badcafe', 'one'])
})

test('git is told to look away, once', async () => {
  const own = join(directory, '.mayfly')
  await ignoreInGit(own)
  expect(await readFile(join(own, '.gitignore'), 'utf8')).toBe('*\n')
  await writeInto(own, '.gitignore', '# mine\n')
  await ignoreInGit(own)
  expect(await readFile(join(own, '.gitignore'), 'utf8')).toBe('# mine\n')
  expect(existsSync(join(directory, '.gitignore'))).toBe(false)
})
