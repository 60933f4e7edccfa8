import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { acquireLock } from './lock.js'
import { assertSpace, openStore, publish, type Store, withLock } from './store.js'

let root: string
let store: Store

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mayfly-store-'))
  store = await openStore(root)
})

afterEach(() => rm(root, { recursive: true, force: true }))

test('its directories are for their owner alone', async () => {
  for (const path of [store.images, store.templates, store.sessions, store.locks]) {
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  }
})

test('publish puts a whole directory in place, over what was there', async () => {
  const target = join(store.images, 'x')
  for (const content of ['one', 'two']) {
    await publish(store, store.sessions, target, (staging) => writeFile(join(staging, 'file'), content))
    expect(await readFile(join(target, 'file'), 'utf8')).toBe(content)
  }
  expect(await readdir(store.sessions)).toEqual([])
})

test('a publish that fails leaves the old directory, and nothing else', async () => {
  const target = join(store.images, 'x')
  await publish(store, store.sessions, target, (staging) => writeFile(join(staging, 'file'), 'old'))
  const failing = publish(store, store.sessions, target, async (staging) => {
    await writeFile(join(staging, 'file'), 'new')
    throw new Error('half-way')
  })
  await expect(failing).rejects.toThrow('half-way')
  expect(await readFile(join(target, 'file'), 'utf8')).toBe('old')
  expect(await readdir(store.sessions)).toEqual([])
})

test('too little space is said before the work', async () => {
  await expect(assertSpace(store, 2 ** 60, 'a lot')).rejects.toMatchObject({ code: 'MAYFLY_CACHE_UNUSABLE' })
  await assertSpace(store, 1, 'a little')
})

test('a lock is held by one at a time, and the others are told that they wait', async () => {
  const order: string[] = []
  const first = await acquireLock(join(store.locks, 'x.lock'))
  const second = withLock(store, 'x', { onWait: () => order.push('waits') }, async () => {
    order.push('second')
  })
  await expect.poll(() => order).toEqual(['waits'])
  order.push('first is done')
  await first[Symbol.asyncDispose]()
  await second
  expect(order).toEqual(['waits', 'first is done', 'second'])
})

test('a lock whose owner is killed is free', async () => {
  const path = join(store.locks, 'x.lock')
  const holder = `const { spawn } = require('node:child_process')
    const child = spawn('flock', ['--no-fork', ${JSON.stringify(path)}, 'sh', '-c', 'echo; exec cat'], { detached: true })
    child.stdout.on('data', () => console.log('held'))`
  const owner = spawn(process.execPath, ['-e', holder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(owner.stdout, 'data')
  owner.kill('SIGKILL')
  await using lock = await acquireLock(path)
  expect(lock).toBeDefined()
})

test('a host without flock is told what to install', async () => {
  vi.stubEnv('PATH', '/nonexistent')
  try {
    const locking = acquireLock(join(store.locks, 'x.lock'))
    await expect(locking).rejects.toMatchObject({
      code: 'MAYFLY_TOOL_MISSING',
      hint: expect.stringContaining('util-linux'),
    })
  } finally {
    vi.unstubAllEnvs()
  }
})

test('an aborted wait for a lock ends at once', async () => {
  await using _held = await acquireLock(join(store.locks, 'x.lock'))
  const abort = new AbortController()
  const waiting = acquireLock(join(store.locks, 'x.lock'), { signal: abort.signal, onWait: () => abort.abort() })
  await expect(waiting).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
})
