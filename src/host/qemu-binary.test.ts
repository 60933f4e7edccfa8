import { chmod, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dir } from 'tmp-promise'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findQemu } from './qemu-binary.js'
import { qemuCachePath } from './qemu-binary-cache.js'
import { TOOLS } from './tool-table.js'
import { findTool } from './tools.js'

const HELP = `Supported machines are:
microvm              microvm (i386)
q35                  Standard PC (Q35 + ICH9, 2009) (alias of pc-q35-8.1)
pc-q35-8.1           Standard PC (Q35 + ICH9, 2009)`

let scratch: string
let cacheDir: string

beforeEach(async () => {
  scratch = (await dir()).path
  cacheDir = join(scratch, 'cache')
})
afterEach(() => rm(scratch, { recursive: true }))

// A script that answers as QEMU does and notes each start: what is tested is when it is started, not QEMU.
async function script(body: string, name = 'qemu'): Promise<NodeJS.ProcessEnv> {
  const path = join(scratch, name)
  await writeFile(path, `#!/bin/sh\necho "$*" >> '${scratch}/starts'\n${body}\n`, { mode: 0o755 })
  return { ...process.env, MAYFLY_QEMU: path }
}
const working = (version = '8.1.2') =>
  script(`case $1 in --version) echo 'QEMU emulator version ${version} (x)';; *) cat <<'END'\n${HELP}\nEND\nesac`)

async function starts(): Promise<number> {
  const text = await readFile(join(scratch, 'starts'), 'utf8').catch(() => '')
  return text.split('\n').length - 1
}

// Another process knows only what is in the cache directory; a fresh module is as forgetful.
async function inAnotherProcess(): Promise<typeof findQemu> {
  const { vi } = await import('vitest')
  vi.resetModules()
  return (await import('./qemu-binary.js')).findQemu
}

test.runIf(process.arch === 'x64')('describes the QEMU of this host', async () => {
  const qemu = await findQemu('x64', { cacheDir })
  expect(qemu.path).toBe(await findTool('qemu-system-x86_64'))
  expect(qemu.version).toMatch(/^\d+\.\d+\.\d+$/)
  expect(qemu.versionLabel).toMatch(`QEMU emulator version ${qemu.version}`)
  expect(qemu.machine).toMatch(/^pc-q35-\d+\.\d+$/)
  expect(qemu.identity).toMatch(/^\d+-\d+$/)
})

test('asks a binary once per process, however many ask at once', async () => {
  const env = await working()
  const answers = await Promise.all([findQemu('x64', { env }), findQemu('x64', { env })])
  expect(answers[1]).toEqual(answers[0])
  expect(answers[0]).toMatchObject({ path: env.MAYFLY_QEMU, version: '8.1.2', machine: 'pc-q35-8.1' })
  expect(await starts()).toBe(2)
})

test('asks a binary once per cache directory, until the file changes', async () => {
  const env = await working()
  const first = await findQemu('x64', { env, cacheDir })
  expect(await (await inAnotherProcess())('x64', { env, cacheDir })).toEqual(first)
  expect(await starts()).toBe(2)
  expect(await readdir(cacheDir)).toEqual(['qemu-binaries.json'])

  await working('8.1.3')
  await utimes(env.MAYFLY_QEMU!, new Date(), new Date(1_000_000_000_000))
  const changed = await findQemu('x64', { env, cacheDir })
  expect(changed.version).toBe('8.1.3')
  expect(changed.identity).not.toBe(first.identity)
  expect(await starts()).toBe(4)
})

test.each([
  ['cut short', (text: string) => text.slice(0, 40)],
  ['not JSON', () => 'hello'],
  ['null', () => 'null'],
  ['of another shape', () => '{"format":1,"entries":[1,2]}'],
  ['of another format', (text: string) => text.replace('"format": 2', '"format": 99')],
  ['missing a field', (text: string) => text.replace('"machine"', '"engine"')],
])('a cache file that is %s is ignored and rewritten', async (_, corrupt) => {
  const env = await working()
  const first = await findQemu('x64', { env, cacheDir })
  const good = await readFile(qemuCachePath(cacheDir), 'utf8')
  await writeFile(qemuCachePath(cacheDir), corrupt(good))
  expect(await (await inAnotherProcess())('x64', { env, cacheDir })).toEqual(first)
  expect(await starts()).toBe(4)
  expect(await readFile(qemuCachePath(cacheDir), 'utf8')).toBe(good)
})

test('a cache directory that cannot be written costs nothing but the note', async () => {
  const env = await working()
  await writeFile(cacheDir, 'a file where the directory should be')
  expect(await findQemu('x64', { env, cacheDir })).toMatchObject({ version: '8.1.2' })
})

test('MAYFLY_QEMU may be a name on PATH', async () => {
  const env = { ...(await working()), MAYFLY_QEMU: 'qemu', PATH: `${scratch}:${process.env.PATH}` }
  expect((await findQemu('x64', { env })).path).toBe(join(scratch, 'qemu'))
})

test('a binary that is absent, a directory, relative or not executable is missing', async () => {
  const env = await working()
  const missing = (MAYFLY_QEMU: string, why: string) =>
    expect(findQemu('x64', { env: { ...env, MAYFLY_QEMU } })).rejects.toMatchObject({
      code: 'MAYFLY_TOOL_MISSING',
      shortMessage: `MAYFLY_QEMU=${MAYFLY_QEMU} ${why}`,
    })
  await missing(join(scratch, 'absent'), 'does not exist')
  await missing('no-such-qemu', 'is not on PATH')
  await missing('./qemu', 'is not an absolute path')
  await mkdir(join(scratch, 'directory'))
  await missing(join(scratch, 'directory'), 'is not a file')
  await chmod(env.MAYFLY_QEMU!, 0o644)
  await missing(env.MAYFLY_QEMU!, 'may not be executed (EACCES)')
})

test.each([
  ['fails', 'echo "libslirp.so.0: cannot open" >&2; exit 127', /exit code 127[\s\S]*libslirp/],
  ['crashes', 'echo "last words" >&2; kill -SEGV $$', /killed by SIGSEGV[\s\S]*last words/],
  ['is something else', 'echo "bash 5.2"', /not a QEMU system emulator[\s\S]*bash 5.2/],
])('a binary that %s is reported with what it said', async (_, body, message) => {
  const env = await script(body)
  await expect(findQemu('x64', { env, cacheDir })).rejects.toMatchObject({
    code: 'MAYFLY_QEMU_SPAWN_FAILED',
    message: expect.stringMatching(message),
  })
  expect(await readdir(cacheDir).catch(() => [])).toEqual([])
})

test('a binary that cannot be loaded at all is reported', async () => {
  const env = await script('', 'garbage')
  await writeFile(env.MAYFLY_QEMU!, Buffer.from('\x7fELF garbage'))
  await expect(findQemu('x64', { env })).rejects.toMatchObject({ code: 'MAYFLY_QEMU_SPAWN_FAILED' })
})

test('a binary for another architecture is reported, and a failure is not remembered', async () => {
  const env = await working()
  await expect(findQemu('arm64', { env })).rejects.toThrow(/no machine type virt/)
  await expect(findQemu('arm64', { env })).rejects.toThrow(/no machine type virt/)
  expect(await starts()).toBe(4)
})

test('without any QEMU the package is named', async () => {
  const env = { PATH: scratch }
  await expect(findQemu('x64', { env })).rejects.toMatchObject({
    code: 'MAYFLY_TOOL_MISSING',
    hint: expect.stringContaining(TOOLS['qemu-system-x86_64']!.packages.apt),
  })
})
