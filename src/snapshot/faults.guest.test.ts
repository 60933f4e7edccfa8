import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, statfs, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { buildPackage } from '../cli/testing/built-package.js'
import { errnoOf, MayflyError } from '../errors.js'
import { findProcessesByEnvironment, isAlive } from '../host/process-table.js'
import { silent } from '../host/progress.js'
import { privateCache } from '../image/testing/private-cache.js'
import { openHarness } from '../session/harness.js'
import { closeSession } from '../session/session.js'
import { SESSION_VARIABLE } from '../session/watchdog.js'
import { KIB } from '../units.js'
import { defineGuest } from '../vm/define-guest.js'
import { launch } from '../vm/launch.js'
import { FILES } from './machine.js'
import { prepare } from './prepare.js'
import { pristine } from './pristine.js'
import { save } from './running.js'

const micro = defineGuest('micro')

/** The QEMUs that this process runs in a cache directory. */
async function qemus(cacheDir: string): Promise<number[]> {
  const { session } = await openHarness(cacheDir)
  const pids = await findProcessesByEnvironment(SESSION_VARIABLE, session.id)
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')))
  return pids.filter((_, index) => names[index]!.startsWith('qemu-system'))
}

/** Resolves when a file of that name is in the making of a template. */
async function appears(cacheDir: string, name: string): Promise<string> {
  const { session } = await openHarness(cacheDir)
  for (;;) {
    for (const entry of await readdir(session.directory)) {
      const path = join(session.directory, entry, name)
      if (entry.startsWith('staging') && existsSync(path)) return path
    }
    await delay(1)
  }
}

/** All that is wrong with a cache directory after a failure: machines, half a template, what a session keeps. */
async function leftovers(cacheDir: string): Promise<string[]> {
  const { session, store } = await openHarness(cacheDir)
  const [templates, own] = await Promise.all([readdir(store.templates), readdir(session.directory)])
  return [
    ...templates,
    ...own.filter((name) => !['alive', 'uses'].includes(name)),
    ...(await qemus(cacheDir)).map(String),
  ]
}

async function works(cacheDir: string): Promise<void> {
  await using vm = await launch(micro, { cacheDir })
  expect(await vm.succeed('echo works')).toBe('works\n')
}

test.for([
  ['its boot', FILES.ram],
  ['its seal', FILES.state],
] as const)('QEMU killed during %s: told at once, nothing is left, the next run works', async ([, file]) => {
  const cacheDir = await privateCache()
  const preparing = prepare(micro, { cacheDir })
  preparing.catch(() => {})
  await appears(cacheDir, FILES.ram)
  let pid: number | undefined
  while (pid === undefined) [pid] = await qemus(cacheDir)
  await appears(cacheDir, file)
  process.kill(pid!, 'SIGKILL')
  const killedAt = performance.now()
  await expect(preparing).rejects.toMatchObject({ code: expect.stringMatching(/^MAYFLY_QEMU_(EXITED|SPAWN_FAILED)$/) })
  expect(performance.now() - killedAt).toBeLessThan(5000)
  expect(await leftovers(cacheDir)).toEqual([])
  await works(cacheDir)
})

test('QEMU killed at any moment of a clone: told at once, nothing is left, the template stays', async () => {
  const cacheDir = await privateCache()
  const { template } = await prepare(micro, { cacheDir })
  for (let afterMs = 0; afterMs < 300; afterMs += 20) {
    const launching = launch(micro, { cacheDir })
    launching.catch(() => {})
    let pid: number | undefined
    while (pid === undefined) [pid] = await qemus(cacheDir)
    await delay(afterMs)
    process.kill(pid, 'SIGKILL')
    const outcome = await launching.catch((error: unknown) => error)
    if (outcome instanceof MayflyError)
      expect(outcome.code).toMatch(/^MAYFLY_QEMU_(EXITED|SPAWN_FAILED)$|^MAYFLY_SSH_FAILED$/)
    else if ('destroy' in (outcome as object)) await (outcome as Awaited<typeof launching>).destroy()
    else throw outcome
    expect(isAlive(pid)).toBe(false)
  }
  const again = await prepare(micro, { cacheDir })
  expect(again.template.manifest.createdAt).toBe(template.manifest.createdAt)
  expect((await leftovers(cacheDir)).length).toBe(1)
  await works(cacheDir)
})

/** A file system of so much, which is full when its ballast is written. */
async function smallDisk(
  size: string,
): Promise<{ root: string; fill: (leave?: number) => Promise<void>; empty: () => Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-small-'))
  await execa('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', root])
  onTestFinished(async () => {
    await closeSession(join(root, 'cache'))
    await execa('umount', ['--lazy', root])
    await rm(root, { recursive: true, force: true })
  })
  const ballast = join(root, 'ballast')
  return {
    root,
    fill: async (leave = 0) => {
      const { bavail, bsize } = await statfs(root)
      // A guest may take some of it meanwhile.
      await writeFile(ballast, Buffer.alloc(bavail * bsize - leave)).catch((error) => {
        if (errnoOf(error) !== 'ENOSPC') throw error
      })
    },
    empty: () => truncate(ballast, 0),
  }
}

const asRoot = test.skipIf(process.getuid?.() !== 0)

asRoot('a disk that fills up while a template is made: told so, nothing is left, the next run works', async () => {
  const { root, fill, empty } = await smallDisk('600m')
  const cacheDir = join(root, 'cache')
  await mkdir(cacheDir)
  await execa('cp', ['-r', join(await privateCache(), 'images'), cacheDir])
  const preparing = prepare(micro, { cacheDir })
  preparing.catch(() => {})
  await appears(cacheDir, FILES.ram)
  await fill()
  await expect(preparing).rejects.toMatchObject({
    code: expect.stringMatching(/^MAYFLY_(QEMU_EXITED|CACHE_UNUSABLE)$/),
    message: expect.stringMatching(/cache directory.* full|no space left/i),
  })
  expect(await leftovers(cacheDir)).toEqual([])
  await empty()
  await works(cacheDir)
})

asRoot('a state that does not fit on the disk, by nothing or by little, is not taken for one', async () => {
  const { root, fill, empty } = await smallDisk('2m')
  const machine = await pristine(micro, {})
  onTestFinished(() => machine[Symbol.asyncDispose]())
  const { qemu, place } = machine
  const path = join(root, FILES.state)
  for (const room of [0, 64 * KIB, 256 * KIB]) {
    await fill(room)
    await qemu.qmp.execute('stop')
    // Its memory is private, so that it goes with the state: more than fits.
    expect(await save(qemu, path)).toContain('No space left on device')
    await rm(path)
    await empty()
    await qemu.qmp.execute('cont')
  }
  expect(qemu.alive && place.id).toBeTruthy()
})

test.for([FILES.ram, FILES.state, FILES.disk, FILES.overlay])(
  'a template whose %s is cut short is not resumed, but made again',
  async (name) => {
    const cacheDir = await privateCache()
    const { template } = await prepare(micro, { cacheDir })
    const path = join(template.directory, name)
    const { size, mtime } = await stat(path)
    await truncate(path, Math.floor(size / 2))
    // Not told by its time.
    await utimes(path, mtime, mtime)
    const notes: string[] = []
    await using vm = await launch(micro, { cacheDir, progress: { ...silent, note: (line) => void notes.push(line) } })
    expect(await vm.succeed('echo works')).toBe('works\n')
    expect(notes.join('\n')).toContain(`its file ${name} has ${Math.floor(size / 2)} bytes instead of ${size}`)
  },
)

test('two processes want the same template, and the one that seals it is killed: the other does', async () => {
  const cacheDir = await privateCache()
  await using built = await buildPackage()
  const warm = () =>
    execa(process.execPath, [built.main, 'warm', 'micro'], {
      env: { MAYFLY_CACHE_DIR: cacheDir },
      reject: false,
      all: true,
    })
  const first = warm()
  await sealing(cacheDir)
  const second = warm()
  const told: string[] = []
  second.all!.on('data', (chunk) => told.push(String(chunk)))
  await expect.poll(() => told.join(''), { timeout: 30_000 }).toContain('another process is sealing')
  first.kill('SIGKILL')
  expect((await second).exitCode).toBe(0)
  await first
  expect(await readdir(join(cacheDir, 'templates'))).toHaveLength(1)
  await works(cacheDir)
})

/** Resolves when some process has begun to boot what it is going to seal. */
async function sealing(cacheDir: string): Promise<void> {
  const sessions = join(cacheDir, 'sessions')
  for (;;) {
    for (const session of await readdir(sessions).catch(() => [])) {
      const entries = await readdir(join(sessions, session)).catch(() => [])
      if (entries.some((name) => existsSync(join(sessions, session, name, FILES.ram)))) return
    }
    await delay(5)
  }
}
