import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findProcessesByEnvironment, killAndWait } from '../host/process-table.js'
import { defaultCacheDir } from '../image/store.js'
import { connectVnc } from '../vm/testing/rfb.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

const FULL_EXAMPLE = fileURLToPath(new URL('../../fixtures/vmfiles/vmctl/full-example.kdl', import.meta.url))

/**
 * What makes the full example of vmctl's documentation come up with what is here: micro has root alone and no packages, 4 GiB are not
 * every host's to give, and a bridge is another test's.
 */
const SWAPS: [RegExp, string][] = [
  [/image-url "[^"]*"/g, 'image "micro"'],
  [/user "ubuntu"/, 'user "root"'],
  [/sudo apt-get update && sudo apt-get install -y/, 'echo installed'],
  [/memory 4096/, 'memory 256'],
  [/\/\/ Second VM[\s\S]*?\n}\n/, ''],
  [/vm "minimal" {/, '$&\n  vnc { password "s3cret"; }'],
]

let built: BuiltPackage
let project: string
let machines: string
let text: string
beforeAll(async () => {
  built = await buildPackage()
  project = await mkdtemp(join(tmpdir(), 'mayfly-up-'))
  machines = join(project, 'data/mayfly/machines')
  text = await readFile(FULL_EXAMPLE, 'utf8')
  for (const [pattern, ours] of SWAPS) {
    expect(text).toMatch(pattern)
    text = text.replace(pattern, ours)
  }
  await writeFile(join(project, 'VMFile.kdl'), text)
  await mkdir(join(project, 'config'))
  await mkdir(join(project, 'scripts'))
  await writeFile(join(project, 'config/bashrc'), 'alias ll="ls -l"\n')
  await setUpScript('echo first | tee -a /scratch/order')
}, 60_000)

const setUpScript = (line: string) => writeFile(join(project, 'scripts/setup-dev-tools.sh'), `#!/bin/sh\n${line}\n`)

/** Machines outlive the commands that start them, and this process as well. */
afterAll(async () => {
  for (const name of ['full-example', 'minimal']) {
    const pids = await findProcessesByEnvironment('MAYFLY_MACHINE', join(machines, name))
    expect(await killAndWait(pids, 5000)).toEqual([])
  }
  await rm(project, { recursive: true, force: true })
  await built[Symbol.asyncDispose]()
})

async function mayfly(...args: string[]): Promise<{ exitCode: number | undefined; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [built.main, ...args], {
    cwd: project,
    env: { XDG_DATA_HOME: join(project, 'data'), MAYFLY_CACHE_DIR: defaultCacheDir() },
    reject: false,
  })
  return { exitCode, stdout, stderr }
}

const pidOf = async (name: string): Promise<number> =>
  JSON.parse(await readFile(join(machines, name, 'machine.json'), 'utf8')).run.process.pid

const inFull = async (command: string): Promise<string> => (await mayfly('exec', 'full', '--', command)).stdout

test('up makes, starts and provisions what is not there, side by side; what runs is left alone', async () => {
  const up = await mayfly('up')
  expect(up).toMatchObject({ exitCode: 0, stderr: '' })
  const lines = up.stdout.split('\n')
  expect(lines.slice(0, 2)).toEqual(['full-example | installed build-essential curl git', 'full-example | first'])
  expect(lines[2]).toMatch(/^full-example {2}created, started, provisioned {2}/)
  expect(await inFull('hostname; nproc; cat /home/ubuntu/.bashrc')).toBe('full-example\n4\nalias ll="ls -l"')
  expect(await readFile(join(machines, 'full-example/provision.log'), 'utf8')).toContain('build-essential curl git\n')
  const [, port] = /^minimal {7}created, started, screen at 127\.0\.0\.1:(\d+) {2}/.exec(lines[3]!) ?? []
  expect(await connectVnc(Number(port), 's3cret')).toMatchObject({ name: expect.stringContaining('minimal') })

  const pids = [await pidOf('full-example'), await pidOf('minimal')]
  const again = { exitCode: 0, stderr: '', stdout: 'full-example  runs already\nminimal       runs already' }
  expect(await mayfly('up')).toEqual(again)
  expect([await pidOf('full-example'), await pidOf('minimal')]).toEqual(pids)
})

test('provision takes the steps again; one that fails is told with its output, fails alone, and is taken again by up', async () => {
  await setUpScript('echo why it fails; exit 3')
  const failed = await mayfly('provision')
  expect(failed.exitCode).toBe(1)
  expect(failed.stdout).toMatch(/^full-example {2}failed/m)
  expect(failed.stdout).toMatch(/^minimal {7}has no steps/m)
  expect(failed.stderr).toMatch(/full-example: provision step failed \(exit code 3\)[\s\S]*why it fails/)
  await setUpScript('echo again >> /scratch/order')
  const up = await mayfly('up', '--json')
  expect(up.stderr).toContain('installed build-essential')
  expect(JSON.parse(up.stdout)).toMatchObject([
    { name: 'full-example', state: 'running', did: ['provisioned'] },
    { name: 'minimal', state: 'running', did: ['runs already'] },
  ])
  expect(await inFull('cat /scratch/order')).toBe('first\nagain')
})

test('down stops, up starts and provisions again on the same disk; reload makes it anew', async () => {
  expect((await mayfly('down')).stdout).toMatch(/^full-example {2}stopped.*\nminimal {7}stopped/)
  await writeFile(join(project, 'VMFile.kdl'), text.replace('vcpus 4', 'vcpus 2'))
  expect((await mayfly('up', 'full')).stdout).toMatch(
    /^full-example {2}started, provisioned, as it was made: the VMFile/m,
  )
  expect(await inFull('cat /scratch/order; nproc')).toBe('first\nagain\nagain\n4')
  await setUpScript('echo anew >> /scratch/order')
  expect((await mayfly('reload', 'full')).stdout).toMatch(/^full-example {2}destroyed, created, started, provisioned/m)
  expect(await inFull('cat /scratch/order; nproc')).toBe('anew\n2')
  expect((await mayfly('down', '--destroy')).stdout).toMatch(/^full-example {2}destroyed.*\nminimal {7}destroyed/)
  expect(JSON.parse((await mayfly('down', '--json')).stdout)).toMatchObject([{ state: null }, { state: null }])
})

test('two that come at once make a machine once', async () => {
  const both = await Promise.all([mayfly('up', 'full', '--json'), mayfly('up', 'full', '--json')])
  expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0])
  const did = both.map(({ stdout }) => JSON.parse(stdout)[0].did)
  expect(did).toContainEqual(['created', 'started', 'provisioned'])
  expect(did).toContainEqual(['runs already'])
  expect(await inFull('cat /scratch/order')).toBe('anew')
  expect((await mayfly('down', '--destroy')).exitCode).toBe(0)
})
