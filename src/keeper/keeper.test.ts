import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type BuiltPackage, buildPackage } from '../cli/testing/built-package.js'
import { defineGuest } from '../guest/spec.js'
import { type ProcessIdentity, processStartTime } from '../host/process-table.js'
import { openStore, type Store } from '../image/store.js'
import { findSockets, type KeeperStart, keeperName } from './address.js'
import { KeeperLink } from './keeper-link.js'

let built: BuiltPackage
beforeAll(async () => {
  built = await buildPackage()
}, 120_000)
afterAll(() => built[Symbol.asyncDispose]())

interface Started {
  keeper: ChildProcess
  owner: ChildProcess & ProcessIdentity
  store: Store
}

/** A keeper whose owner is a process that does nothing, with a store of its own `depth` directories down. */
async function start(depth = 0): Promise<Started> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-keeper-'))
  const root = join(directory, ...Array.from({ length: depth }, () => 'a-directory-with-a-long-name'))
  await mkdir(root, { recursive: true })
  const owner = spawn('sleep', ['1000'])
  const identity = { pid: owner.pid!, startTime: processStartTime(owner.pid!)! }
  const given: KeeperStart = { owner: identity, cacheDir: root, name: keeperName(identity.pid) }
  const keeper = spawn(process.execPath, [join(built.directory, 'dist/keeper/main.js'), JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    for (const child of [owner, keeper]) child.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  })
  await once(keeper.stdout, 'data')
  return { keeper, owner: Object.assign(owner, identity), store: await openStore(root) }
}

test('is found by those of its owner, and answers', async () => {
  const { store, owner } = await start()
  const link = await KeeperLink.open(store, owner, { file: 'a.test.ts', onNote: () => {} })
  const request = { guest: defineGuest('micro'), unique: false, most: undefined }
  expect(await link.find(request)).toBeNull()
  await expect(link.take('nobody-1', { onExit: () => {}, onDisconnected: () => {} })).rejects.toMatchObject({
    code: 'MAYFLY_ABORTED',
  })
  link.close()
  expect(await findSockets(store, keeperName(process.pid))).toEqual([])
})

test('only its user may talk to it, also where its socket has to be elsewhere', async () => {
  for (const depth of [0, 4]) {
    const { store, owner } = await start(depth)
    const [socket] = await findSockets(store, keeperName(owner.pid))
    expect(Buffer.byteLength(socket!)).toBeLessThan(104)
    expect(statSync(join(socket!, '..')).mode & 0o777).toBe(0o700)
    expect(socket!.startsWith(store.root)).toBe(depth === 0)
    const link = await KeeperLink.open(store, owner, { file: 'a.test.ts', onNote: () => {} })
    link.close()
  }
})

test('ends with its owner, and leaves nothing', async () => {
  const { store, owner, keeper } = await start(4)
  const [socket] = await findSockets(store, keeperName(owner.pid))
  expect(await readdir(store.sessions)).toHaveLength(1)
  owner.kill('SIGKILL')
  expect(await once(keeper, 'exit')).toEqual([0, null])
  expect(await readdir(store.sessions)).toEqual([])
  await expect.poll(() => readdir(join(socket!, '../..'))).not.toContain(socket!.split('/').at(-2))
})

test('who is lost with it is told', async () => {
  const { store, owner, keeper } = await start()
  const link = await KeeperLink.open(store, owner, { file: 'a.test.ts', onNote: () => {} })
  keeper.kill('SIGKILL')
  await expect.poll(() => link.lost).toBe(true)
  await expect(link.find({ guest: defineGuest('micro'), unique: false, most: undefined })).rejects.toThrow('has gone')
})
