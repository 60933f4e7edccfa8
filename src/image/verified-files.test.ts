import { copyFile, link, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { CHUNK_BYTES } from './file-content.js'
import { type DirectoryContents, distrust, findDamagedFile, recordContents } from './verified-files.js'

const LARGE = 2 * CHUNK_BYTES + 12_345
let directory: string
let contents: DirectoryContents

async function scratch(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'mayfly-verified-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

beforeEach(async () => {
  directory = await scratch()
  await writeFile(join(directory, 'small'), 'the key')
  await writeFile(join(directory, 'large'), 'x')
  await truncate(join(directory, 'large'), CHUNK_BYTES)
  await writeFile(join(directory, 'large'), Buffer.alloc(LARGE - CHUNK_BYTES, 7), { flag: 'a' })
  contents = await recordContents(directory, ['small', 'large'])
})

/** Flips one bit, and puts the times back. */
async function flip(name: string, at: number): Promise<void> {
  const path = join(directory, name)
  const { atime, mtime } = await stat(path)
  const bytes = await readFile(path)
  bytes[at]! ^= 4
  await writeFile(path, bytes)
  await utimes(path, atime, mtime)
}

test('nothing is wrong with what was not touched', async () => {
  expect(await findDamagedFile(directory, contents)).toBeUndefined()
  expect(await findDamagedFile(directory, contents, { read: 'all' })).toBeUndefined()
})

test.each([
  ['small', 3, 'byte 0 and 7'],
  ['large', CHUNK_BYTES - 1, `byte 0 and ${CHUNK_BYTES}`],
  ['large', LARGE - 1, `byte ${2 * CHUNK_BYTES} and ${LARGE}`],
] as const)('a flipped bit of a %s file is found although its times were put back', async (name, at, where) => {
  await flip(name, at)
  expect(await findDamagedFile(directory, contents)).toBe(`its file ${name} is damaged between ${where}`)
  // Once it was found it stays found.
  expect(await findDamagedFile(directory, contents)).toContain('is damaged')
  await flip(name, at)
  expect(await findDamagedFile(directory, contents)).toBeUndefined()
})

test('sizes are told without reading', async () => {
  await truncate(join(directory, 'large'), 5)
  const why = `its file large has 5 bytes instead of ${LARGE}`
  for (const read of ['sizes', 'changed', 'all'] as const) {
    expect(await findDamagedFile(directory, contents, { read })).toBe(why)
  }
  await rm(join(directory, 'large'))
  expect(await findDamagedFile(directory, contents, { read: 'sizes' })).toBe('its file large is missing')
})

test('a copy and a second name are compared once, and are as good then', async () => {
  const copy = await scratch()
  for (const name of await readdir(directory)) await copyFile(join(directory, name), join(copy, name))
  await link(join(directory, 'large'), join(await scratch(), 'second'))
  for (const place of [copy, directory]) {
    const before = await readFile(join(place, 'verified.json'), 'utf8')
    expect(await findDamagedFile(place, contents)).toBeUndefined()
    const after = await readFile(join(place, 'verified.json'), 'utf8')
    expect(after).not.toBe(before)
    expect(await findDamagedFile(place, contents)).toBeUndefined()
    expect(await readFile(join(place, 'verified.json'), 'utf8')).toBe(after)
  }
})

test('what is known of the files is not needed, and is not trusted when it is damaged', async () => {
  for (const text of [undefined, 'null', '{}', '{"files": 7}']) {
    const path = join(directory, 'verified.json')
    await (text === undefined ? rm(path) : writeFile(path, text))
    expect(await findDamagedFile(directory, contents)).toBeUndefined()
  }
  await distrust(directory)
  const { files } = JSON.parse(await readFile(join(directory, 'verified.json'), 'utf8')) as { files: object }
  expect(files).toEqual({})
})
