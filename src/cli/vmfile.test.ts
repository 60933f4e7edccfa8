import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

const FULL = fileURLToPath(new URL('../../fixtures/vmfiles/vmctl/full-example.kdl', import.meta.url))

let built: BuiltPackage
beforeAll(async () => {
  built = await buildPackage()
}, 60_000)
afterAll(() => built[Symbol.asyncDispose]())

async function project(text: string): Promise<{ file: string; mayfly: (...args: string[]) => ReturnType<typeof run> }> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-vmfile-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  await writeFile(join(directory, 'VMFile.kdl'), text)
  return { file: join(directory, 'VMFile.kdl'), mayfly: (...args) => run(directory, args) }
}

function run(cwd: string, args: string[], input = '') {
  return execa(process.execPath, [built.main, 'vmfile', ...args], {
    cwd,
    input,
    reject: false,
    stripFinalNewline: false,
  })
}

test('check: a file that is right is counted, one that is not is explained, and the status is 1', async () => {
  const { file, mayfly } = await project('vm "web" {\n  image "debian"\n}\nvm "db" {\n  image "micro"\n}\n')
  expect(await mayfly('check')).toMatchObject({ exitCode: 0, stdout: 'VMFile.kdl: 2 machines (web, db)\n', stderr: '' })
  await writeFile(file, 'vm "web" {\n  image "debian"\n  vcpu 2\n  memory 0\n}\n')
  const { exitCode, stdout } = await mayfly('check', 'VMFile.kdl')
  expect(exitCode).toBe(1)
  expect(stdout).toContain(
    'VMFile.kdl:3:3: error: vcpu is unknown in vm\n2 |   image "debian"\n3 |   vcpu 2\n  |   ^^^^\nhint: Did you mean vcpus?\n',
  )
  expect(stdout).toMatch(/VMFile\.kdl: 2 errors\n$/)
})

test('check: without a name it is the file here or in the nearest directory above', async () => {
  const { file } = await project('vm "web" { image "micro"; }\n')
  const below = join(file, '../a/b')
  await mkdir(below, { recursive: true })
  expect(await run(below, ['check'])).toMatchObject({ exitCode: 0, stdout: '../../VMFile.kdl: 1 machine (web)\n' })
})

test('check: files that are missing are errors; what this version cannot run is a warning', async () => {
  const { mayfly } = await project(
    'vm "web" {\n  image "debian"\n  snapshot #false\n  provision "shell" { script "setup.sh"; }\n}\n',
  )
  const { exitCode, stdout } = await mayfly('check')
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/VMFile\.kdl:3:12: warning: this version of Mayfly cannot boot a machine for each test/)
  expect(stdout).toMatch(/VMFile\.kdl:4:30: error: script: there is no file .*setup\.sh/)
  expect(stdout).toMatch(/VMFile\.kdl: 1 error, 1 warning\n$/)
})

test('check --json gives places that a program can use, of every file', async () => {
  const { mayfly } = await project('vm "web" {\n  image "debian"\n  vcpus 2\n  vcpus 4\n}\n')
  const { exitCode, stdout } = await mayfly('check', '--json', 'VMFile.kdl', FULL)
  expect(exitCode).toBe(1)
  const [own, full] = JSON.parse(stdout)
  expect(own).toEqual({
    path: 'VMFile.kdl',
    machines: ['web'],
    diagnostics: [
      {
        severity: 'error',
        message: 'vcpus is given twice',
        line: 4,
        column: 3,
        endLine: 4,
        endColumn: 8,
        hint: 'Remove one of them.',
        related: { message: 'the first one is here', line: 3, column: 3 },
      },
    ],
  })
  expect(full).toMatchObject({ path: FULL, machines: ['full-example', 'tap-example', 'minimal'] })
})

test('format writes what is not in order, once, and --check only says so', async () => {
  const { file, mayfly } = await project('vm "web" {\nimage   "debian" // small\n}\n')
  expect(await mayfly('format', '--check')).toMatchObject({ exitCode: 1, stdout: 'VMFile.kdl would change\n' })
  expect(await readFile(file, 'utf8')).toContain('\nimage   "debian"')
  expect(await mayfly('format')).toMatchObject({ exitCode: 0, stdout: 'formatted VMFile.kdl\n', stderr: '' })
  expect(await readFile(file, 'utf8')).toBe('vm "web" {\n  image "debian" // small\n}\n')
  expect(await mayfly('format')).toMatchObject({ exitCode: 0, stdout: '' })
  expect(await mayfly('format', '--check')).toMatchObject({ exitCode: 0, stdout: '' })
})

test('format: what is no KDL is said, left as it is, and keeps nobody else from being formatted', async () => {
  const wrong = 'vm "web" {\n  image "debian\n}\n'
  const { file, mayfly } = await project(wrong)
  const other = join(file, '../other')
  await mkdir(other)
  await writeFile(join(other, 'VMFile.kdl'), 'vm "a"   { image "micro"; }\n')
  const { exitCode, stdout, stderr } = await mayfly('format', 'VMFile.kdl', 'other/VMFile.kdl')
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: 'formatted other/VMFile.kdl\n' })
  expect(stderr).toContain('VMFile.kdl:2:9: error: this string is not closed')
  expect(await readFile(file, 'utf8')).toBe(wrong)
})

test('format - goes from standard input to standard output', async () => {
  const { stdout, exitCode } = await run('/', ['format', '-'], 'vm "a" {\n\timage "micro"\n}')
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'vm "a" {\n  image "micro"\n}\n' })
})

test('check: a machine without an image, or a step without anything to do, is said once', async () => {
  const { file, mayfly } = await project('vm "web" {}\n')
  const { exitCode, stdout, stderr } = await mayfly('check')
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
  expect(stdout).toMatch(/^VMFile\.kdl:1:1: error: vm needs an image$[\s\S]*VMFile\.kdl: 1 error\n$/m)
  await writeFile(file, 'vm "web" {\n  image "micro"\n  provision "shell" {}\n}\n')
  expect((await mayfly('check')).stdout).toMatch(/needs inline or script$[\s\S]*VMFile\.kdl: 1 error\n$/m)
})

test('check - reads standard input, as editors have it', async () => {
  const { stdout, exitCode } = await run('/', ['check', '-'], 'vm "a" {\n  image "micro"\n  vcpu 2\n}\n')
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/^-:3:3: error: vcpu is unknown in vm/)
})

test.each([
  ['a disk image', Buffer.from([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]), 'it is not text in UTF-8'],
  ['UTF-16, as PowerShell writes it', Buffer.from('\uFEFFvm "a" {}', 'utf16le'), 'it is not text in UTF-8'],
  ['what nobody writes', Buffer.alloc(5 * 1024 * 1024, '\n'), 'it has 5.0 MiB'],
])('%s is no VMFile', async (_, bytes, why) => {
  const { file, mayfly } = await project('')
  await writeFile(file, bytes)
  for (const verb of ['check', 'format']) {
    expect(await mayfly(verb)).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(why) })
  }
  expect(bytes.equals(await readFile(file))).toBe(true)
})

test('a file that is not there is a wrong command line', async () => {
  for (const verb of ['check', 'format']) {
    const { exitCode, stdout, stderr } = await run('/', [verb, 'none.kdl'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain('cannot read none.kdl')
  }
})

test.each(['check', 'format'])('the help of vmfile %s has an example', async (verb) => {
  const { exitCode, stdout } = await run('/', [verb, '--help'])
  expect(exitCode).toBe(0)
  expect(stdout).toContain(`$ mayfly vmfile ${verb}`)
})
