import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readImageManifest } from '../image/image-manifest.js'
import { listImages } from '../image/stored.js'
import { sealedJson } from '../sealed-json.js'
import { closeSession } from '../session/session.js'
import { collect } from './collect.js'
import { readManifest } from './manifest.js'
import { listTemplates } from './stored.js'
import { type SeededCache, seededCache } from './testing/seeded-cache.js'

let cache: SeededCache
beforeEach(async () => {
  cache = await seededCache()
})
afterEach(async () => {
  await closeSession(cache.store.root)
  await cache[Symbol.asyncDispose]()
})

const manifestOf = (key: string) => join(cache.store.templates, key, 'template.json')

/** One flipped bit in each byte of `bytes`, each bit in its turn, and every fourth truncation. */
function* damages(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 1 << (at & 7)
    yield damaged
  }
  for (let length = 0; length < bytes.length; length += 4) yield bytes.subarray(0, length)
}

test('no flipped bit and no truncation of a template’s manifest changes what it says', async () => {
  const directory = await cache.template('child', 'a', { daysUnused: 1, on: 'base' })
  const whole = await readManifest(directory)
  let refused = 0
  let total = 0
  for (const damaged of damages(await readFile(manifestOf('child')))) {
    await writeFile(manifestOf('child'), damaged)
    const read = await readManifest(directory)
    total++
    if (typeof read === 'string') refused++
    else expect(read).toEqual(whole)
  }
  expect(refused).toBeGreaterThan(0.9 * total)
}, 60_000)

test('no flipped bit and no truncation of an image’s manifest changes what it says', async () => {
  const directory = await cache.image('a', { daysUnused: 1 })
  const whole = (await readImageManifest(directory)) as object
  for (const damaged of damages(await readFile(join(directory, 'manifest.json')))) {
    await writeFile(join(directory, 'manifest.json'), damaged)
    const read = await readImageManifest(directory)
    if (typeof read === 'object') expect(read).toMatchObject(whole)
  }
}, 60_000)

test.each([
  'null',
  '[]',
  '{}',
  '{"name": 7}',
  'x',
  sealedJson({}),
  sealedJson({ ingredients: { guest: { format: 6 } } }),
])('entries whose manifest is %j are shown and collected, and hide no other', async (text) => {
  await cache.image('a', { daysUnused: 1 })
  await cache.template('whole', 'a', { daysUnused: 1 })
  await cache.template('bad', 'a', { daysUnused: 1 })
  await cache.image('bad', { daysUnused: 1 })
  await writeFile(manifestOf('bad'), text)
  await writeFile(join(cache.store.images, 'bad', 'manifest.json'), text)
  // What is left of a download, and what a machine claims, are documents too.
  await mkdir(join(cache.store.downloads, 'bad'))
  await writeFile(join(cache.store.downloads, 'bad', 'state.json'), text)
  const states = (await listTemplates(cache.store)).map(({ key, damage }) => [key, damage])
  expect(states).toEqual([
    ['bad', expect.stringMatching(/^its manifest is damaged: ./)],
    ['whole', undefined],
  ])
  const images = (await listImages(cache.store)).map(({ key, damage }) => [key, damage])
  expect(images).toEqual([
    ['a', undefined],
    ['bad', expect.stringMatching(/^its manifest is damaged: ./)],
  ])
  const { removed } = await collect(cache.store, {})
  expect(removed.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual(['image bad', 'template bad'])
  expect(await readdir(cache.store.templates)).toEqual(['whole'])
})

test('templates that are stacked on themselves, at once or by others, are told, and collected', async () => {
  await cache.image('a', { daysUnused: 1 })
  await cache.template('self', 'a', { daysUnused: 3, on: 'self' })
  await cache.template('one', 'a', { daysUnused: 2, on: 'two' })
  await cache.template('two', 'a', { daysUnused: 1, on: 'one' })
  await cache.template('over', 'a', { daysUnused: 0, on: 'one' })
  const damage = (await listTemplates(cache.store)).map((template) => [template.key, template.damage])
  expect(damage).toEqual(['one', 'over', 'self', 'two'].map((key) => [key, 'it is stacked on itself']))
  expect((await collect(cache.store, {})).removed).toHaveLength(4)
  expect(await readdir(cache.store.templates)).toEqual([])
})

test('a template of another version is neither used nor damaged, and its image stays', async () => {
  await cache.image('a', { daysUnused: 1 })
  await cache.template('older', 'a', { daysUnused: 1 })
  const { checksum: _, ...older } = JSON.parse(await readFile(manifestOf('older'), 'utf8'))
  older.ingredients.guest.format = 5
  older.files = { ram: { size: 1, mtimeMs: 2 } }
  await writeFile(manifestOf('older'), JSON.stringify(older))
  expect(await listTemplates(cache.store)).toMatchObject([{ key: 'older', format: 5, damage: undefined }])
  expect((await collect(cache.store, {})).removed).toEqual([])
})

test('a claim that cannot be read keeps all images', async () => {
  await cache.image('a', { daysUnused: 1 })
  const claims = join(cache.store.root, 'claims')
  await mkdir(claims)
  await writeFile(join(claims, 'x.json'), sealedJson({ holder: '/', directories: [] }).replace('"/"', '"."'))
  expect((await collect(cache.store, { all: true })).removed).toEqual([])
  await rm(join(claims, 'x.json'))
  expect((await collect(cache.store, { all: true })).removed).toHaveLength(1)
})
