import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeSeededInitrd } from './seeded-initrd.js'

const SEED = Buffer.from('seed, with a private key')
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-initrd-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

test.each(['an initrd', undefined])('the seed behind %j is for its owner alone', async (image) => {
  const [initrd, path] = [join(directory, 'image'), join(directory, 'initrd')]
  if (image) {
    await writeFile(initrd, image)
    await chmod(initrd, 0o444)
  }
  await writeSeededInitrd(image && initrd, path, SEED)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  const before = image ? `${image}\0\0\0` : ''
  expect((await readFile(path)).toString()).toBe(before + SEED)
})
