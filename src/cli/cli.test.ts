import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acquireLock } from '../image/lock.js'
import { Session } from '../session/session.js'
import { hold } from '../session/uses.js'
import { seededCache } from '../snapshot/testing/seeded-cache.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

let built: BuiltPackage
beforeAll(async () => {
  built = await buildPackage()
}, 60_000)
afterAll(() => built[Symbol.asyncDispose]())

const mayfly = (args: string[], env: Record<string, string> = {}) =>
  execa(process.execPath, [built.main, ...args], { env, reject: false, cwd: '/' })

test('help shows every command and takes no more than 150 ms over what node itself needs under this load', async () => {
  const { stdout, exitCode } = await mayfly(['--help'])
  expect(exitCode).toBe(0)
  for (const name of ['run', 'warm', 'doctor', 'ls', 'gc']) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
  // The least of several: the rest is other processes' time.
  const least = async (args: string[]) => {
    const times: number[] = []
    for (let i = 0; i < 7; i++) times.push((await execa(process.execPath, args)).durationMs)
    return Math.min(...times)
  }
  expect((await least([built.main, '--help'])) - (await least(['-e', '0']))).toBeLessThan(110)
})

test.each(['run', 'warm', 'doctor', 'ls', 'gc'])('the help of %s has an example', async (name) => {
  const { stdout, exitCode } = await mayfly([name, '--help'])
  expect(exitCode).toBe(0)
  expect(stdout).toContain(`$ mayfly ${name}`)
})

test('help that nobody reads to its end is no failure of ours', async () => {
  const line = `"$@" --help | true; echo "\${PIPESTATUS[0]}"`
  const { stdout, stderr } = await execa('bash', ['-c', line, 'bash', process.execPath, built.main])
  // Whether the pipe is closed by then is up to the host.
  expect(stdout).toMatch(/^(?:0|141)$/)
  expect(stderr).toBe('')
})

test.each([
  ['logs', 'log'],
  ['ps', 'list'],
  ['rm', 'destroy'],
  ['delete', 'destroy'],
])('%s is %s', async (alias, name) => {
  expect((await mayfly([alias, '--help'])).stdout).toBe((await mayfly([name, '--help'])).stdout)
})

test('the version is the package’s', async () => {
  expect((await mayfly(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+$/)
})

test.each([
  [['rnu'], 'Did you mean run?'],
  [[], 'Usage: mayfly'],
  [['run'], "missing required argument 'guest'"],
  [['run', 'micro', '--cpu', '2'], 'Did you mean --cpus?'],
  [['run', 'mirco', '--', 'true'], 'Did you mean micro?'],
  [['warm', 'micro', 'windows'], 'unknown guest: "windows"'],
  [['run', 'micro', '--cpus', 'two', '--', 'true'], 'cpus'],
  [['run', 'micro', '--memory', '1MiB', '--', 'true'], 'memory is out of range'],
  [['run', 'micro', '--upload', 'x', '--', 'true'], '--upload is not local:remote'],
  [['run', 'micro', '--env', 'MAYFLY_NOT_SET', '--', 'true'], 'you have no such variable'],
  [['run', 'micro', '--timeout', 'soon', '--', 'true'], 'timeout is not a duration'],
  [['gc', '--older-than', 'ages'], '--older-than is not a duration'],
])('%j is refused with status 2 and says why', async (args, why) => {
  await using cache = await seededCache()
  const { exitCode, stdout, stderr } = await mayfly(args, { MAYFLY_CACHE_DIR: cache.store.root })
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toContain(why)
  expect(stderr).not.toContain('    at ')
  expect(await readdir(cache.store.sessions)).toEqual([])
})

test('a failure of the harness is 125, and its stack is for those who debug', async () => {
  const quiet = await mayfly(['--cache-dir', '/dev/null/none', 'ls'])
  expect(quiet.exitCode).toBe(125)
  expect(quiet.stderr).toMatch(/^mayfly: the cache directory cannot be used[\s\S]*Hint:/)
  expect(quiet.stderr).not.toContain('    at ')
  expect((await mayfly(['ls', '--cache-dir', '/dev/null/none'], { DEBUG: 'mayfly:*' })).stderr).toContain('    at ')
})

test('doctor names what is missing and how to get it, and fails when guests cannot run', async () => {
  const healthy = await mayfly(['doctor', '--json'])
  const checks = JSON.parse(healthy.stdout) as { name: string; status: string; hint?: string }[]
  expect(healthy.exitCode).toBe(checks.some(({ status }) => status === 'fail') ? 1 : 0)
  const bare = await mayfly(['doctor'], { PATH: '/nonexistent' })
  expect(bare.exitCode).toBe(1)
  expect(bare.stdout).toMatch(/^fail +qemu\b/m)
  expect(bare.stdout).toMatch(/apt-get install .*qemu-system/)
  expect(bare.stdout).not.toContain('\x1b[')
})

test('ls shows what the cache holds, what of it can be used, and live sessions', async () => {
  await using cache = await seededCache()
  await cache.image('a', { daysUnused: 1, sizeBytes: 10_000 })
  await cache.template('t', 'a', { daysUnused: 1 })
  await mkdir(join(cache.store.templates, 'torn'))
  await using session = await Session.open(cache.store)
  const { stdout } = await mayfly(['ls', '--json', '--cache-dir', cache.store.root])
  const { images, templates, sessions } = JSON.parse(stdout)
  expect(images).toMatchObject([{ name: 'micro', key: 'a', usable: true, bytes: expect.any(Number) }])
  expect(images[0].bytes).toBeGreaterThanOrEqual(10_000)
  expect(templates).toMatchObject([
    { name: 'micro', key: 't', usable: false, reason: expect.stringContaining('qemu was another') },
    { key: 'torn', usable: false, reason: 'its manifest is missing' },
  ])
  expect(sessions).toMatchObject([{ id: session.id, pid: process.pid, alive: true, vms: [] }])
  expect((await mayfly(['ls', '--cache-dir', cache.store.root])).stdout).toContain('its manifest is missing')
})

test('gc removes what is old, says what it freed, and leaves nothing half-removed', async () => {
  await using cache = await seededCache()
  await cache.image('old', { daysUnused: 40 })
  await cache.template('old-on-old', 'old', { daysUnused: 35, sizeBytes: 2 ** 20 })
  await cache.image('kept', { daysUnused: 40 })
  await cache.template('new-on-kept', 'kept', { daysUnused: 8 })
  const gc = (...args: string[]) => mayfly(['gc', '--cache-dir', cache.store.root, ...args])
  const content = async () => [await readdir(cache.store.images), await readdir(cache.store.templates)]

  expect((await gc('--dry-run')).stdout).toMatch(
    /would remove template micro old-on-old .*not used for 35 days[\s\S]*would free 1\.0 MiB/,
  )
  expect(await content()).toEqual([
    ['kept', 'old'],
    ['new-on-kept', 'old-on-old'],
  ])
  const { stdout } = await gc()
  expect(stdout).toMatch(/removed template micro old-on-old[\s\S]*removed image micro old[\s\S]*freed 1\.0 MiB/)
  expect(await content()).toEqual([['kept'], ['new-on-kept']])
  const { removed } = JSON.parse((await gc('--older-than', '7d', '--json')).stdout)
  expect(removed).toMatchObject([{ key: 'new-on-kept' }, { key: 'kept' }])
  expect(await content()).toEqual([[], []])
  expect(await readdir(cache.store.sessions)).toEqual([])
})

test('gc --all spares what a live session uses, what is being made, and removes it once that is over', async () => {
  await using cache = await seededCache()
  const { store } = cache
  const image = await cache.image('a', { daysUnused: 40 })
  const template = await cache.template('t', 'a', { daysUnused: 40 })
  await cache.template('sealing', 'a', { daysUnused: 40 })
  const gc = async () => JSON.parse((await mayfly(['gc', '--all', '--json', '--cache-dir', store.root])).stdout)
  {
    await using session = await Session.open(store)
    await hold(
      { store, session },
      async () => template,
      (directory) => [directory],
    )
    await using _lock = await acquireLock(join(store.locks, 'template-sealing.lock'))
    const { removed, spared } = await gc()
    expect({ removed, spared }).toMatchObject({ removed: [], spared: [{ key: 'sealing' }] })
    expect(await readdir(store.templates)).toEqual(['sealing', 't'])
    expect(await readdir(store.images)).toEqual(['a'])
  }
  {
    await using session = await Session.open(store)
    await hold(
      { store, session },
      async () => image,
      (directory) => [directory],
    )
    expect((await gc()).removed).toHaveLength(2)
    expect(await readdir(store.images)).toEqual(['a'])
  }
  expect((await gc()).removed).toMatchObject([{ kind: 'image', key: 'a' }])
})

test('gc sweeps the sessions of dead processes, and only those', async () => {
  await using cache = await seededCache()
  await using session = await Session.open(cache.store)
  const dead = join(cache.store.sessions, '999999999-1-00000000')
  await mkdir(join(dead, 'uses'), { recursive: true })
  await writeFile(join(dead, 'alive'), '')
  const hourAgo = new Date(Date.now() - 3_600_000)
  await utimes(dead, hourAgo, hourAgo)
  const listed = JSON.parse((await mayfly(['ls', '--json', '--cache-dir', cache.store.root])).stdout)
  expect(listed.sessions).toHaveLength(2)
  expect(listed.sessions).toContainEqual(expect.objectContaining({ pid: 999999999, alive: false }))
  const { sessions } = JSON.parse((await mayfly(['gc', '--json', '--cache-dir', cache.store.root])).stdout)
  expect(sessions).toEqual(['999999999-1-00000000'])
  expect(await readdir(cache.store.sessions)).toEqual([session.id])
})
