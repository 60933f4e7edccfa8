import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa, type Options } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeSealed } from '../sealed-json.js'
import { runStranger, type StrangersRun } from '../vitest/testing/stranger.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

let built: BuiltPackage
let directory: string
let run: StrangersRun

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-open-'))
  built = await buildPackage()
  run = await runStranger('keep.suite.ts', directory, { env: { MAYFLY_KEEP: '1' } })
}, 300_000)

afterAll(async () => {
  await built[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const bundle = (name = 'fails-in-the-middle-of-things') => join(directory, 'keep.suite.ts', name)
const open = (args: string[], options: Options = {}) =>
  execa(process.execPath, [built.main, 'open', ...args], {
    reject: false,
    ...options,
    env: { MAYFLY_EVIDENCE_DIR: directory, ...options.env },
  })

test('the machine goes on from where its test failed, each time', async () => {
  expect(run.output).toMatch(/look around: npx mayfly open .*fails-in-the-middle-of-things\n/)
  for (let time = 1; time <= 2; time++) {
    const look =
      'cat /dev/shm/mark /scratch/mark; ps | grep -c "[s]leep 1000"; test ! -e /scratch/again; touch /scratch/again'
    const opened = await open([bundle(), '--', look])
    expect(opened, opened.stderr as string).toMatchObject({ exitCode: 0, stdout: 'in memory\non disk\n1' })
  }
})

test('the status is the command’s, several arguments are a command that no shell changes, and input is passed on', async () => {
  expect((await open([bundle(), '--', 'exit 7'])).exitCode).toBe(7)
  expect((await open([bundle(), '--', 'printf', '%s|', 'a b', '$HOME'])).stdout).toBe('a b|$HOME|')
  expect(await open([bundle()], { input: 'hostname\nexit 3\n' })).toMatchObject({ exitCode: 3, stdout: 'micro' })
})

test('on a terminal it is an interactive shell', async () => {
  const command = `${process.execPath} ${built.main} open ${bundle()}`
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const exited = once(child, 'exit')
    let shown = ''
    child.stdout.on('data', (chunk) => {
      shown += String(chunk)
    })
    const seen = (pattern: RegExp) => expect.poll(() => shown, { timeout: 20_000, interval: 20 }).toMatch(pattern)
    await seen(/vm, as it was when the test failed[\s\S]*# /)
    child.stdin.write('cat /scratch/mark; exit 5\n')
    await seen(/on disk\r\n/)
    expect((await exited)[0]).toBe(5)
  } finally {
    child.kill()
  }
})

test('it needs nothing of the cache', async () => {
  const other = await mkdtemp(join(tmpdir(), 'mayfly-other-cache-'))
  try {
    const opened = await open([bundle(), '--', 'cat /scratch/mark'], { env: { MAYFLY_CACHE_DIR: other } })
    expect(opened, opened.stderr as string).toMatchObject({ exitCode: 0, stdout: 'on disk' })
    expect(await readdir(join(other, 'templates'))).toEqual([])
    expect(await readdir(join(other, 'sessions'))).toEqual([])
  } finally {
    await rm(other, { recursive: true, force: true })
  }
})

test('one of several machines is chosen by its name', async () => {
  expect((await open([bundle('two-of-them'), '--vm', 'right', '--', 'hostname'])).stdout).toBe('right')
  expect(await open([join(bundle('two-of-them'), 'left'), '--', 'hostname'])).toMatchObject({ stdout: 'left' })
  const unnamed = await open([bundle('two-of-them'), '--', 'hostname'])
  expect(unnamed).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--vm: left, right') })
  const unknown = await open([bundle('two-of-them'), '--vm', 'middle'])
  expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('no machine "middle"') })
})

test('what does not run any more cannot be kept, and the summary says so', async () => {
  const summary = await readFile(join(bundle('nothing-runs-any-more'), 'summary.txt'), 'utf8')
  expect(summary).toMatch(/Not collected\n {2}vm: the machine could not be kept: cannot be kept: micro is crashed/)
  expect(await open([bundle('nothing-runs-any-more')])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/there is no machine in .*\n {2}machines that were kept:\n.*keep\.suite\.ts/),
  })
})

test.each([
  ['a file that was cut off', (machine: string) => truncate(join(machine, 'ram'), 4096), /its file ram has 4096 bytes/],
  [
    'a file that is gone',
    (machine: string) => rm(join(machine, 'overlay.qcow2')),
    /its file overlay\.qcow2 is missing/,
  ],
  [
    'a state of the same size',
    (machine: string) => scribble(join(machine, 'state')),
    /its file state is damaged between byte/,
  ],
  [
    'another QEMU',
    (machine: string) => change(machine, ['ingredients', 'host', 'qemu'], 'QEMU 1.0'),
    /qemu was QEMU 1\.0, is /,
  ],
  [
    'another accelerator',
    (machine: string) => change(machine, ['ingredients', 'host', 'accelerator'], 'hvf'),
    /accelerator was hvf, is /,
  ],
  [
    'another processor',
    (machine: string) => change(machine, ['ingredients', 'host', 'cpu'], 'i486'),
    /cpu was i486, is /,
  ],
  ['another format', (machine: string) => change(machine, ['format'], 1), /Mayfly's format was 1, is /],
  ['no manifest', (machine: string) => writeFile(join(machine, 'machine.json'), '{'), /machine\.json is damaged/],
])('%s is refused with the reason', async (_, damage, reason) => {
  const copy = await mkdtemp(join(tmpdir(), 'mayfly-damaged-'))
  try {
    await execa('cp', ['-r', '--sparse=always', join(bundle(), 'vm'), copy])
    await damage(join(copy, 'vm/machine'))
    const opened = await open([copy, '--', 'true'])
    expect(opened).toMatchObject({ exitCode: 125, stderr: expect.stringMatching(reason) })
    expect(opened.stderr).toContain('MAYFLY_CHECKPOINT_UNUSABLE')
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
})

test('a copy elsewhere opens as well', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'mayfly-moved-'))
  try {
    await cp(bundle(), copy, { recursive: true })
    expect(await open([join(copy, 'summary.txt'), '--', 'cat /scratch/mark'])).toMatchObject({ stdout: 'on disk' })
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
})

async function scribble(path: string): Promise<void> {
  const bytes = await readFile(path)
  bytes[bytes.length >> 1]! ^= 0xff
  await writeFile(path, bytes)
}

async function change(machine: string, path: string[], value: unknown): Promise<void> {
  const { checksum, ...manifest } = JSON.parse(await readFile(join(machine, 'machine.json'), 'utf8'))
  expect(checksum).toBeDefined()
  const last = path.at(-1)!
  path.slice(0, -1).reduce((at, key) => at[key], manifest)[last] = value
  await writeSealed(join(machine, 'machine.json'), manifest)
}
