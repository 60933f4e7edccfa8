import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa, type Options } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultCacheDir } from '../image/store.js'
import { processesOf } from '../machines/look.js'
import { type PrivateData, privateData } from '../machines/testing/private-data.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'
import { onTerminal } from './testing/terminal.js'

let built: BuiltPackage
let place: PrivateData
beforeAll(async () => {
  place = await privateData(defaultCacheDir())
  built = await buildPackage()
  await execa(process.execPath, [built.main, 'warm', 'micro'])
}, 300_000)
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await built[Symbol.asyncDispose]()
})

const mayfly = (args: string[], options: Options = {}) =>
  execa(process.execPath, [built.main, ...args], {
    cwd: place.root,
    env: place.env,
    reject: false,
    ...options,
    encoding: 'utf8',
    lines: false,
  })
const out = async (...args: string[]) => String((await mayfly(args)).stdout)
const status = async () => JSON.parse(await out('status', 'web', '--json'))

const mayflyOnTerminal = (args: string) =>
  onTerminal(`${process.execPath} ${built.main} ${args}`, { env: { ...process.env, ...place.env } })

test('created and started, it outlives the command, and is found again', async () => {
  const created = await mayfly(['create', 'micro', '--name', 'web', '--start'])
  expect(created).toMatchObject({ exitCode: 0, stderr: '' })
  expect(created.stdout).toMatch(/^web runs; mayfly ssh web logs in \(127\.0\.0\.1:\d+\)$/)
  expect(await out('list')).toMatch(/^web +running +micro +1 +256 MiB +user +\d+ +127\.0\.0\.1:\d+ +/m)
  expect(await status()).toMatchObject({ name: 'web', state: 'running', cpus: 1, ssh: { user: 'root' } })
})

test('commands, shells and files', async () => {
  expect(await out('exec', 'web', '--', 'uname', '-n')).toBe('web')
  expect((await mayfly(['exec', 'web', '--', 'exit 7'])).exitCode).toBe(7)
  expect((await mayfly(['ssh', 'we', '--', 'kill -TERM $$'])).exitCode).toBe(143)
  expect(await mayfly(['ssh', 'web'], { input: 'echo from the script; exit 3\n' })).toMatchObject({
    exitCode: 3,
    stdout: 'from the script',
  })
  expect((await mayfly(['exec', 'web', '--timeout', '300ms', '--', 'sleep', '100'])).exitCode).toBe(124)
  await mkdir(join(place.root, 'site/deep'), { recursive: true })
  await writeFile(join(place.root, 'site/deep/file'), 'content')
  expect(await mayfly(['cp', 'site', 'web:/scratch/'])).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
  await mayfly(['cp', 'web:/scratch/site', 'back'])
  expect(await readFile(join(place.root, 'back/deep/file'), 'utf8')).toBe('content')
  await mayfly(['cp', 'web:/scratch/site/deep/file', '.'])
  expect(await readFile(join(place.root, 'file'), 'utf8')).toBe('content')
  expect((await mayfly(['cp', 'web:/nowhere', '.'])).exitCode).toBe(125)
})

test('a shell on a terminal, and the console, which has one keyboard', async () => {
  using shell = mayflyOnTerminal('ssh web')
  await shell.seen(/# /)
  shell.type('hostname; exit 5\n')
  await shell.seen(/\r\nweb\r\n/)
  expect(await shell.exited).toBe(5)

  const reading = mayfly(['exec', 'web', '--', 'read line </dev/console; echo "typed: $line" >/dev/console'])
  using console = mayflyOnTerminal('console web')
  await console.seen(/the console of web; Ctrl-\] leaves it/)
  expect((await mayfly(['console', 'web'])).stderr).toContain('somebody is at the console of web already')
  console.type('hello\r')
  await console.seen(/typed: hello/)
  console.type('\x1d')
  await console.seen(/left the console of web, which goes on/)
  expect(await console.exited).toBe(0)
  await reading
  expect(await out('log', 'web', '--console', '-n', '3')).toContain('typed: hello')
})

test('suspended and resumed, it has the time of its host; a snapshot puts it back', async () => {
  await mayfly(['exec', 'web', '--', 'touch /tmp/before'])
  expect(await out('suspend', 'web')).toBe('web is suspended')
  expect((await status()).state).toBe('suspended')
  expect((await mayfly(['exec', 'web', '--', 'true'])).stderr).toContain('web is suspended')
  expect(await out('resume', 'web')).toBe('web goes on')
  expect(await out('snapshot', 'create', 'web', 'clean')).toBe('web has a snapshot clean')
  await mayfly(['exec', 'web', '--', 'touch /tmp/after'])
  expect(await out('snapshot', 'restore', 'web', 'cl')).toBe('web is as it was at clean')
  const after = await out('exec', 'web', '--', 'ls /tmp; date +%s')
  expect(after).toMatch(/^before\n\d+$/)
  expect(Math.abs(Date.now() / 1000 - Number(after.split('\n')[1]))).toBeLessThan(10)
})

test('it comes up again by itself, is powered off, and keeps its disk', async () => {
  const { pid } = await status()
  const bootId = () => out('exec', 'web', '--', 'cat /proc/sys/kernel/random/boot_id')
  const before = await bootId()
  await mayfly(['exec', 'web', '--', 'echo kept >/scratch/kept; reboot'])
  await expect.poll(async () => !['', before].includes(await bootId()), { timeout: 30_000 }).toBe(true)
  expect((await status()).pid).toBe(pid)
  expect(await out('stop', 'web')).toBe('web has powered off')
  expect(await status()).toMatchObject({ state: 'stopped', note: 'it was stopped: the guest powered itself off' })
  expect(await out('start', 'web')).toMatch(/^web runs; /)
  expect(await out('exec', 'web', '--', 'cat /scratch/kept')).toBe('kept')
  // By itself.
  await mayfly(['exec', 'web', '--', 'poweroff'])
  await expect.poll(async () => (await status()).note, { timeout: 20_000 }).toBe('the guest powered itself off')
})

test('destroyed, nothing of it is left', async () => {
  const { directory } = await status()
  expect(await out('destroy', 'web')).toBe('destroyed web')
  expect(existsSync(directory)).toBe(false)
  expect(await processesOf(directory)).toEqual([])
})

test('one of another architecture, which UEFI has started, knows its power button', async () => {
  const created = await mayfly([
    'create',
    'micro',
    '--arch',
    'aarch64',
    '--firmware',
    'uefi',
    '--name',
    'arm',
    '--start',
  ])
  expect(created).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await out('exec', 'arm', '--', 'uname', '-m')).toBe('aarch64')
  expect(await out('stop', 'arm')).toBe('arm has powered off')
  expect(await out('destroy', 'arm')).toBe('destroyed arm')
}, 180_000)

test('a Vm of a test can be listed and entered while the test waits', async () => {
  const test = mayfly([
    'run',
    'micro',
    '--',
    'echo on the console >/dev/console; touch /tmp/ready; until [ -e /tmp/go ]; do sleep 0.1; done',
  ])
  type Listed = { name: string; session?: { pid: number } }
  const own = async () =>
    (JSON.parse(await out('list', '--json')) as Listed[]).find(({ session }) => session?.pid === test.pid)
  await expect.poll(own, { timeout: 20_000 }).toMatchObject({ state: 'running', image: 'micro', ssh: { user: 'root' } })
  const { name } = (await own())!
  await expect.poll(() => out('ssh', name, '--', 'cat /tmp/ready && hostname'), { timeout: 10_000 }).toBe('micro')
  const console = mayfly(['console', name])
  expect(await out('log', name, '--console')).toContain('on the console')
  expect((await mayfly(['exec', name, '--', 'touch /tmp/go'])).exitCode).toBe(0)
  expect((await test).exitCode).toBe(0)
  expect(await console).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('on the console') })
})
