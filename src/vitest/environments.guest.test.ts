import { randomBytes } from 'node:crypto'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type BuiltPackage, buildPackage } from '../cli/testing/built-package.js'
import { findProcessesByEnvironment } from '../host/process-table.js'
import { defaultCacheDir } from '../image/store.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
let directory: string

/** A project with Mayfly in its node_modules: what vitest transforms, as it does our source, runs by other rules. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-environments-'))
  await cp(join(ROOT, 'fixtures/environments'), directory, { recursive: true })
  await using built: BuiltPackage = await buildPackage()
  const installed = join(directory, 'node_modules/mayfly')
  await mkdir(installed, { recursive: true })
  for (const part of ['package.json', 'dist', 'fixtures']) {
    await cp(join(built.directory, part), join(installed, part), { recursive: true })
  }
  await symlink(join(ROOT, 'node_modules'), join(installed, 'node_modules'))
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }')
  for (const name of ['vitest', 'happy-dom', 'jsdom']) {
    await symlink(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name))
  }
})

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

interface Run {
  exitCode: number | undefined
  output: string
}

/** Runs vitest in the project; what it starts must be gone soon after its end. */
async function run(...args: string[]): Promise<Run> {
  const mark = randomBytes(8).toString('hex')
  const ours = Object.keys(process.env).filter((name) => /^(VITEST|MAYFLY_EVIDENCE)/.test(name) || name === 'TEST')
  const { all, exitCode } = await execa(
    process.execPath,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=verbose', ...args],
    {
      cwd: directory,
      env: {
        ...Object.fromEntries(ours.map((name) => [name, undefined])),
        NO_COLOR: '1',
        STARTED_AT: `${Math.floor(Date.now() / 1000)}`,
        CACHE_DIR: defaultCacheDir(),
        MAYFLY_TEST_RUN: mark,
      },
      all: true,
      reject: false,
      stdin: 'ignore',
    },
  )
  await vi.waitFor(async () => expect(await findProcessesByEnvironment('MAYFLY_TEST_RUN', mark)).toEqual([]), 10_000)
  return { exitCode, output: all }
}

const PROJECTS = ['fake', 'vmThreads', 'happy-dom', 'jsdom', 'vmForks', 'mocks', 'shared']

test('machines work in every pool and environment, with fake timers, fake dates and mocks', {
  timeout: 300_000,
}, async () => {
  const { exitCode, output } = await run(...PROJECTS.map((name) => `--project=${name}`))
  expect(output).toMatch(/Tests {2}15 passed \(15\)/)
  expect(exitCode).toBe(0)
})

test('a shard runs its part of the files', async () => {
  const { exitCode, output } = await run('--project=shared', '--shard=1/2')
  expect(output).toMatch(/Tests {2}1 passed \(1\)/)
  expect(exitCode).toBe(0)
})

test('--bail leaves nothing behind, and file scope inside describe says what to do', async () => {
  const { exitCode, output } = await run('--project=scope', '--project=failing', '--bail=1')
  expect(output).toContain('should succeed, but exited with 1: false [MAYFLY_COMMAND_FAILED]')
  expect(output).toContain("guestTest with scope: 'file' was called inside describe [MAYFLY_OPTION_INVALID]")
  expect(output).toContain('Hint: Call it at the top level of the file')
  expect(output).toMatch(/Tests {2}1 failed \(2\)/)
  expect(exitCode).toBe(1)
})
