import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isAlive } from '../host/process-table.js'
import { openStore, type Store } from '../image/store.js'
import { Session } from './session.js'
import { listSessions, sweep } from './sweep.js'
import { SESSION_VARIABLE, startWatchdog } from './watchdog.js'

let root: string
let store: Store

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mayfly-session-'))
  store = await openStore(root)
})

afterEach(() => rm(root, { recursive: true, force: true }))

function sleeper(id: string): ChildProcess {
  return spawn('sleep', ['1000'], { env: { ...process.env, [SESSION_VARIABLE]: id }, stdio: 'ignore' })
}

test('closing ends what is owned and what bears the mark, and removes the directory', async () => {
  const session = await Session.open(store)
  let disposed = 0
  session.own({ [Symbol.asyncDispose]: async () => void disposed++ })
  const stray = spawn('sleep', ['1000'], { env: session.childEnvironment(), stdio: 'ignore' })
  const exited = once(stray, 'exit')
  await session.close()
  await exited
  expect(disposed).toBe(1)
  expect(existsSync(session.directory)).toBe(false)
})

test('one that cannot be ended does not keep the others from it, and is reported', async () => {
  const session = await Session.open(store)
  let disposed = 0
  session.own({ [Symbol.asyncDispose]: () => Promise.reject(new Error('stuck')) })
  session.own({ [Symbol.asyncDispose]: async () => void disposed++ })
  await expect(session.close()).rejects.toThrow('stuck')
  expect(disposed).toBe(1)
  expect(existsSync(session.directory)).toBe(false)
})

test('the watchdog kills and removes when its lifeline ends', async () => {
  const directory = join(store.sessions, 'x')
  await mkdir(directory)
  const watchdog = startWatchdog('lifeline-test', directory)
  const stray = sleeper('lifeline-test')
  const bystander = sleeper('another')
  const exited = once(stray, 'exit')
  watchdog.lifeline.end()
  await exited
  await once(watchdog.process, 'exit')
  expect(existsSync(directory)).toBe(false)
  expect(isAlive(bystander.pid!)).toBe(true)
  bystander.kill('SIGKILL')
})

test('the watchdog acts when the parent of its owner dies, though its owner lives', async () => {
  const directory = join(store.sessions, 'x')
  await mkdir(directory)
  const parent = spawn('sleep', ['1000'], { stdio: 'ignore' })
  const watchdog = startWatchdog('parent-test', directory, parent.pid)
  const stray = sleeper('parent-test')
  const exited = once(stray, 'exit')
  parent.kill('SIGKILL')
  await exited
  await once(watchdog.process, 'exit')
  expect(existsSync(directory)).toBe(false)
})

test.each(['close', 'owner killed', 'sweep'] as const)('what is put together elsewhere is removed: %s', async (way) => {
  const session = await Session.open(store)
  const [kept, moved] = [join(root, '.mayfly-kept'), join(root, ".mayfly-it's moved")]
  await session.rememberStaging(kept)
  const forget = await session.rememberStaging(moved)
  await mkdir(join(kept, 'below'), { recursive: true })
  await mkdir(moved)
  await forget()
  if (way === 'close') await session.close()
  else if (way === 'owner killed') {
    const watchdog = startWatchdog(session.id, session.directory)
    watchdog.lifeline.end()
    await once(watchdog.process, 'exit')
    await session.close()
  } else {
    const dead = join(store.sessions, '999999999-1-00000000')
    await rename(session.directory, dead)
    const old = new Date(Date.now() - 60_000)
    await session.close()
    await rm(join(dead, 'alive'), { force: true })
    await utimes(dead, old, old)
    expect(existsSync(kept)).toBe(true)
    await sweep(store)
  }
  expect([existsSync(kept), existsSync(moved)]).toEqual([false, true])
})

test('a sweep removes what nobody looks after, and leaves what lives', async () => {
  const session = await Session.open(store)
  const dead = join(store.sessions, '999999999-1-00000000')
  await mkdir(dead)
  await writeFile(join(dead, 'alive'), '')
  const stray = sleeper('999999999-1-00000000')
  const exited = once(stray, 'exit')
  // Just made: its watchdog might be about to lock it.
  expect(await sweep(store)).toEqual([])
  const old = new Date(Date.now() - 60_000)
  await utimes(dead, old, old)
  expect(await sweep(store)).toEqual(['999999999-1-00000000'])
  await exited
  expect((await listSessions(store)).map(({ id }) => id)).toEqual([session.id])
  await session.close()
})
