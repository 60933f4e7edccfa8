import { access, readdir, truncate } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { publish, withLock } from '../image/store.js'
import { closeSession, Session } from '../session/session.js'
import { hold } from '../session/uses.js'
import { collect } from './collect.js'
import { listTemplates } from './stored.js'
import { seededCache } from './testing/seeded-cache.js'

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

test('whoever holds a template has it, whatever a collector does at the same moment', async () => {
  await using cache = await seededCache()
  const { store } = cache
  for (let round = 0; round < 24; round++) {
    const key = `t${round}`
    const directory = await cache.template(key, 'a', { daysUnused: 1 })
    await using session = await Session.open(store)
    let made = 0
    const find = () =>
      withLock(store, `template-${key}`, {}, async () => {
        if (await exists(directory)) return directory
        made++
        return await cache.template(key, 'a', { daysUnused: 1 })
      })
    // Later and later, so that the claim falls before, into and after the collector's work.
    const holding = delay(2 * round).then(() => hold({ store, session }, find, (directory) => [directory]))
    const [, { removed }] = await Promise.all([holding, collect(store, { all: true })])
    expect(await exists(join(directory, 'template.json'))).toBe(true)
    // Made again if and only if it was taken away, and then it was not claimed.
    expect(removed.map(({ directory: gone }) => basename(gone)).filter((name) => name === key)).toHaveLength(made)
  }
  await closeSession(store.root)
  expect(await readdir(store.sessions)).toEqual([])
})

test('a template that is being made has what it stands on, whatever a collector does at the same moment', async () => {
  await using cache = await seededCache()
  const { store } = cache
  let outrun = 0
  for (let round = 0; round < 24; round++) {
    const [base, child] = [`base${round}`, `child${round}`]
    const directory = await cache.template(base, 'a', { daysUnused: 1 })
    const findBase = () =>
      withLock(store, `template-${base}`, {}, async () => {
        if (!(await exists(directory))) {
          outrun++
          await cache.template(base, 'a', { daysUnused: 1 })
        }
        return directory
      })
    const make = async () => {
      await delay(2 * round)
      // Its claims are gone with it as soon as the child is there.
      await using session = await Session.open(store)
      await hold({ store, session }, findBase, (found) => [found])
      await withLock(store, `template-${child}`, {}, () => {
        const fill = (staging: string) => cache.fill(staging, child, 'a', { on: base })
        return publish(store, session.directory, join(store.templates, child), fill)
      })
    }
    await Promise.all([make(), collect(store, { all: true })])
    const left = await listTemplates(store)
    expect(left.filter(({ damage }) => damage !== undefined)).toEqual([])
    await collect(store, { all: true })
    expect(await readdir(store.templates)).toEqual([])
  }
  expect(outrun).toBeGreaterThan(0)
  await closeSession(store.root)
})

test('what is damaged goes without any policy, what is whole stays', async () => {
  await using cache = await seededCache()
  const { store } = cache
  await cache.image('a', { daysUnused: 1000 })
  await cache.template('whole', 'a', { daysUnused: 1000 })
  const torn = await cache.template('torn', 'a', { daysUnused: 0 })
  await truncate(join(torn, 'disk.qcow2'), 1)
  const { removed, keptBytes } = await collect(store, {})
  expect(removed).toMatchObject([{ key: 'torn', reason: expect.stringContaining('disk.qcow2 has 1 bytes') }])
  expect(keptBytes).toBeGreaterThan(0)
  expect(await readdir(store.templates)).toEqual(['whole'])
  await closeSession(store.root)
})
