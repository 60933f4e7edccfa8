import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore, type Store } from '../image/store.js'
import { claimedDirectories, claimFor, releaseClaims } from './lasting-claims.js'

let root: string
let store: Store
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mayfly-claims-'))
  store = await openStore(root)
})
afterEach(() => rm(root, { recursive: true, force: true }))

test('a claim holds from when its holder is there, whoever has looked before, until it goes', async () => {
  const holder = join(root, 'holder')
  await claimFor(store, holder, ['image'])
  expect(await claimedDirectories(store)).toEqual([])
  await mkdir(holder)
  expect(await claimedDirectories(store)).toEqual(['image'])
  await releaseClaims(store, holder)
  expect(await claimedDirectories(store)).toEqual([])
})

test('that of a holder which did not come is removed', async () => {
  await claimFor(store, join(root, 'holder'), ['image'])
  const [name] = await readdir(join(root, 'claims'))
  await utimes(join(root, 'claims', name!), 0, 0)
  await claimedDirectories(store)
  expect(await readdir(join(root, 'claims'))).toEqual([])
})
