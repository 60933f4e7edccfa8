import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BuiltPackage, buildPackage } from '../cli/testing/built-package.js'
import { defineGuest } from '../guest/spec.js'
import { findProcessesByEnvironment, isAlive } from '../host/process-table.js'
import { defaultCacheDir, openStore } from '../image/store.js'
import { listSessions } from '../session/sweep.js'
import { prepare } from '../snapshot/prepare.js'
import { startWatch, type WatchRun } from './testing/watch-run.js'

interface Seen {
  id: string
  worker: number
  /** The process in whose session the machine is. */
  owner: number
  pooled: boolean
  files: string
  memory: number
  note: string
}

/** What a user's test file says, with a line that each save changes. */
const suite = (note: string, guest = "'micro'", more = '') => `
import { writeFileSync } from 'node:fs'
import { guestTest } from 'mayfly/vitest'
import { defineGuest, file } from 'mayfly'
const test = guestTest(${guest})
test('looks at its machine', async ({ vm }) => {
  const files = await vm.succeed('ls /root')
  await vm.succeed('touch /root/used')
  const owner = Number(/sessions\\/(\\d+)-/.exec(vm.console.logPath)[1])
  const { id, guest, timings } = vm
  const seen = { id, worker: process.pid, owner, pooled: timings.pooled, files, memory: guest.memoryBytes, note: '${note}' }
  writeFileSync('result.json', JSON.stringify(seen))
  ${more}
})
`
/** What is left after the end must be gone by then. */
const GRACE_MS = 3000

let built: BuiltPackage
beforeAll(async () => {
  built = await buildPackage()
  await prepare(defineGuest('micro'))
}, 600_000)
afterAll(() => built[Symbol.asyncDispose]())

const CONFIG = "export default { test: { include: ['*.suite.js'], testTimeout: 60_000 } }"
const start = (more: Record<string, string> = {}) =>
  startWatch(built, { 'vitest.config.js': CONFIG, 'a.suite.js': suite('first'), ...more })

describe('while vitest watches', () => {
  test('each rerun has a machine of its own that the keeper had ready, and that nobody has used', async () => {
    await using run = await start()
    const seen = [run.result<Seen>()]
    for (let index = 1; index <= 4; index++) {
      await untilReady(run, 1)
      await run.save('a.suite.js', suite(`save ${index}`))
      seen.push(run.result<Seen>())
      expect(seen.at(-1)).toMatchObject({ note: `save ${index}`, pooled: true, files: '' })
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length)
    expect(new Set(seen.map(({ worker }) => worker)).size).toBe(seen.length)
    // One keeper all along, which is none of the workers.
    const [owner, ...others] = new Set(seen.map(({ owner }) => owner))
    expect(others).toEqual([])
    expect(readFileSync(`/proc/${owner}/cmdline`, 'utf8')).toContain('keeper/main.js')
  })

  test('another definition gets other machines, and those of the old one go', async () => {
    await using run = await start()
    const guest = "{ image: 'micro', memory: '192MiB' }"
    await run.save('a.suite.js', suite('smaller', guest))
    expect(run.result<Seen>()).toMatchObject({ note: 'smaller', files: '', memory: 192 * 1024 ** 2 })
    await untilReady(run, 1)
    await expect.poll(async () => (await machines(run)).map(memoryOf), { timeout: 10_000 }).toEqual(['192M'])
  })

  test('so does another content of a file that is provisioned', async () => {
    const guest = "defineGuest({ image: 'micro', provision: [file('motd', '/root/motd')] })"
    const text = suite(
      'reads it',
      guest,
      "writeFileSync('result.json', JSON.stringify({ motd: await vm.readFile('/root/motd') }))",
    )
    await using run = await start({ motd: 'one', 'a.suite.js': text })
    expect(run.result()).toEqual({ motd: 'one' })
    await untilReady(run, 1)
    await run.save('a.suite.js', `${text}// the same again`)
    expect(run.result()).toEqual({ motd: 'one' })
    await untilReady(run, 1)
    const { writeFile } = await import('node:fs/promises')
    await writeFile(`${run.directory}/motd`, 'two')
    await run.save('a.suite.js', `${text}// and another`)
    expect(run.result()).toEqual({ motd: 'two' })
  })

  test('a keeper that was killed is replaced at the next rerun', async () => {
    await using run = await start()
    const before = run.result<Seen>()
    await untilReady(run, 1)
    process.kill(before.owner, 'SIGKILL')
    await untilNothing(() => machines(run))
    await run.save('a.suite.js', suite('after'))
    const after = run.result<Seen>()
    expect(after).toMatchObject({ note: 'after', files: '' })
    expect(after.owner).not.toBe(before.owner)
    expect(isAlive(after.owner)).toBe(true)
  })

  test('a worker that is killed in the middle of a test leaves no machine', async () => {
    await using run = await start()
    const before = run.result<Seen>()
    await untilReady(run, 1)
    await run.save('a.suite.js', suite('dies', "'micro'", "process.kill(process.pid, 'SIGKILL')"))
    const { id, owner } = run.result<Seen>()
    expect(owner).toBe(before.owner)
    await expect.poll(() => machineIds(run), { timeout: GRACE_MS }).not.toContain(id)
    await run.save('a.suite.js', suite('goes on'))
    expect(run.result<Seen>()).toMatchObject({ note: 'goes on', owner, files: '' })
  })

  test('MAYFLY_WATCH_KEEPER=0 and a pool of 0 do without', async () => {
    await using run = await start({ 'a.suite.js': `process.env.MAYFLY_WATCH_KEEPER = '0'\n${suite('without')}` })
    expect(run.result<Seen>().owner).toBe(run.result<Seen>().worker)
    await run.save('a.suite.js', suite('no pool', "'micro', { pool: 0 }"))
    expect(run.result<Seen>().owner).toBe(run.result<Seen>().worker)
  })
})

describe('when vitest ends', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('by %s, nothing is left', async (signal) => {
    await using run = await start()
    const { owner } = run.result<Seen>()
    await untilReady(run, 1)
    const ended = once(run.main, 'exit')
    run.main.kill(signal)
    await ended
    await untilNothing(async () => [
      ...(await machines(run)).map((pid) => `qemu ${pid}`),
      ...(isAlive(owner) ? ['the keeper'] : []),
      ...(await sessionsOf(owner)),
    ])
  })
})

/** QEMUs of a run: all that it starts bears its directory in its environment. */
async function machines(run: WatchRun): Promise<number[]> {
  const pids = await findProcessesByEnvironment('WATCH_DIRECTORY', run.directory)
  return pids.filter((pid) => isAlive(pid) && read(`/proc/${pid}/comm`).startsWith('qemu'))
}

function memoryOf(pid: number): string | undefined {
  return read(`/proc/${pid}/cmdline`).split('\0-m\0')[1]?.split('\0')[0]
}

/** Waits until `count` machines are at rest: their QEMUs use no processor. */
async function untilReady(run: WatchRun, count: number): Promise<void> {
  let last = ''
  let same = 0
  for (const deadline = performance.now() + 60_000; same < 4; await delay(100)) {
    if (performance.now() > deadline) throw new Error(`no machine got ready: ${last}`)
    const pids = await machines(run)
    const now = JSON.stringify(pids.map((pid) => [pid, read(`/proc/${pid}/stat`).split(' ').slice(13, 15)]))
    same = pids.length >= count && now === last ? same + 1 : 0
    last = now
  }
}

async function machineIds(run: WatchRun): Promise<string[]> {
  const { owner } = run.result<Seen>()
  const sessions = await listSessions(await openStore(defaultCacheDir()))
  return sessions.filter(({ pid }) => pid === owner).flatMap(({ directory }) => readdirSync(directory))
}

async function sessionsOf(pid: number): Promise<string[]> {
  return (await listSessions(await openStore(defaultCacheDir()))).filter((one) => one.pid === pid).map(({ id }) => id)
}

async function untilNothing(look: () => Promise<readonly unknown[]>): Promise<void> {
  await expect.poll(look, { timeout: GRACE_MS, interval: 50 }).toEqual([])
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
