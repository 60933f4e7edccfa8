import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { findProcessesByEnvironment } from '../host/process-table.js'
import { defaultCacheDir, openStore } from '../image/store.js'
import { prepare } from '../snapshot/prepare.js'
import { listSessions } from './sweep.js'

const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
const CONFIG = fileURLToPath(new URL('../../fixtures/leaks/vitest.config.ts', import.meta.url))
/** What the issue of leaks is about: nothing may be left after this. */
const GRACE_MS = 3000

let directory: string
let othersSessions: string[]

beforeEach(async () => {
  await prepare(defineGuest('micro'))
  directory = await mkdtemp(join(tmpdir(), 'mayfly-leaks-'))
  othersSessions = await sessionIds()
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

describe.each(['forks', 'threads'] as const)('in the %s pool', (pool) => {
  test('a test that times out during boot', async () => {
    const run = start(pool, 'timeout-in-boot')
    const { output } = await run.ended
    expect(output).toContain('Test timed out in 60ms')
    expect(output).not.toContain('ZOMBIE BODY RAN')
    await expectNothingLeft()
  })

  test('a set-up that throws', async () => {
    const run = start(pool, 'throwing-setup')
    expect((await run.ended).output).toContain('SETUP THROWS')
    await expectNothingLeft()
  })

  test('machines of a file and of a worker', async () => {
    const { code, output } = await start(pool, 'scopes').ended
    expect(code, output).toBe(0)
    await expectNothingLeft()
  })

  test('a machine that its test forgot, which also fails the run', async () => {
    const { code, output } = await start(pool, 'forgotten').ended
    expect(output).toContain('MAYFLY_LEAKED')
    expect(code).toBe(1)
    await expectNothingLeft()
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('%s of the main process', async (signal) => {
    const run = start(pool, 'hang')
    await run.up()
    expect(await machines()).toHaveLength(1)
    process.kill(run.child.pid!, signal)
    await expectNothingLeft()
  })

  test('Ctrl-C, which is SIGINT for the whole process group', async () => {
    const run = start(pool, 'hang')
    await run.up()
    process.kill(-run.child.pid!, 'SIGINT')
    await expectNothingLeft()
  })
})

describe('in the forks pool', () => {
  test('SIGKILL of a worker', async () => {
    const run = start('forks', 'hang')
    process.kill(await run.up(), 'SIGKILL')
    await expectNothingLeft()
    await run.ended
  })

  test('SIGKILL of a worker leaves the machines of another alone', async () => {
    const { code, output } = await start('forks', 'workers', ['--maxWorkers', '2', '--reporter', 'verbose']).ended
    expect(output).toMatch(/✓.*a machine goes on when another worker dies/)
    expect(output).toMatch(/✓.*machine 2 is there too/)
    expect(output).toMatch(/✓.*machine 3 is there too/)
    expect(output).toContain('Worker exited unexpectedly')
    expect(code).toBe(1)
    await expectNothingLeft()
  })

  test('SIGKILL of the main process while the worker never yields', async () => {
    const run = start('forks', 'busy')
    const worker = await run.up()
    // vitest's worker is vitest's own business, but this one would spin for ever.
    onTestFinished(() => void process.kill(worker, 'SIGKILL'))
    process.kill(run.child.pid!, 'SIGKILL')
    await expectNothingLeft()
  })
})

interface Run {
  child: ChildProcess
  /** The pid of the process that holds the machine, once it is up. */
  up(): Promise<number>
  ended: Promise<{ code: number | null; output: string }>
}

function start(pool: 'forks' | 'threads', suite: string, more: string[] = []): Run {
  const args = [VITEST, 'run', '--config', CONFIG, '--pool', pool, `${suite}.suite.ts`, ...more]
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...withoutVitest(), LEAK_DIRECTORY: directory, TMPDIR: directory, NO_COLOR: '1' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }))
  const up = async () => {
    const file = join(directory, 'up')
    while (!existsSync(file)) {
      if (child.exitCode !== null) throw new Error(`the run ended before its machine was up:\n${output}`)
      await delay(20)
    }
    return Number(readFileSync(file, 'utf8'))
  }
  return { child, up, ended }
}

/** The run under test is a stranger to the one that tests it. */
function withoutVitest(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST') && name !== 'TEST'),
  )
}

/** QEMUs and watchdogs that the run has started; Node is vitest's own business. */
async function machines(): Promise<number[]> {
  const pids = await findProcessesByEnvironment('LEAK_DIRECTORY', directory)
  return pids.filter((pid) => commandOf(pid).startsWith('qemu'))
}

async function sessionIds(): Promise<string[]> {
  return (await listSessions(await openStore(defaultCacheDir()))).map(({ id }) => id)
}

async function leftovers(): Promise<string[]> {
  const processes = (await findProcessesByEnvironment('LEAK_DIRECTORY', directory)).map(commandOf)
  const sessions = (await sessionIds()).filter((id) => !othersSessions.includes(id)).map((id) => `session ${id}`)
  const temporary = (await readdir(directory))
    .filter((name) => /^\.?mayfly/.test(name))
    .map((name) => `temporary ${name}`)
  return [...processes.filter((command) => command !== 'node' && command !== ''), ...sessions, ...temporary]
}

async function expectNothingLeft(): Promise<void> {
  const deadline = performance.now() + GRACE_MS
  let left = await leftovers()
  while (left.length > 0 && performance.now() < deadline) {
    await delay(50)
    left = await leftovers()
  }
  expect(left).toEqual([])
  const store = await openStore(defaultCacheDir())
  for (const name of await readdir(store.locks)) {
    const { exitCode } = await execa('flock', ['--nonblock', join(store.locks, name), 'true'], { reject: false })
    expect(exitCode, `${name} is still held`).toBe(0)
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}
