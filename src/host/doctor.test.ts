import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkAptMirror } from './apt-mirror-check.js'
import { checkNode, diagnose } from './doctor.js'
import { checkUserNamespaces } from './user-namespace-check.js'

let scratch: string
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'mayfly doctor-'))
})
afterEach(() => rm(scratch, { recursive: true }))

async function diagnosis(env: NodeJS.ProcessEnv = process.env, cacheDir = join(scratch, 'cache')) {
  const checks = await diagnose({ cacheDir, env })
  return new Map(checks.map((check) => [check.name, check]))
}

test('covers everything, and changes nothing', async () => {
  const checks = await diagnosis()
  const expected = ['node', 'qemu', 'qemu-img', 'mmdebstrap', 'mke2fs', 'xz', 'zstd', 'setpriv', 'flock', 'accelerator']
  expect([...checks.keys()]).toEqual(expect.arrayContaining(expected))
  const rest = ['cores', 'memory', 'cache directory', 'user namespaces', 'apt mirror']
  expect([...checks.keys()]).toEqual(expect.arrayContaining(rest))
  expect([...checks.values()].filter(({ found }) => found === '')).toEqual([])
  expect(checks.get('node')).toEqual({ name: 'node', status: 'ok', found: process.versions.node })
  expect(checks.get('qemu')).toMatchObject({
    status: 'ok',
    found: expect.stringMatching(/^\d+\.\d+.* at \/.*machine /),
  })
  expect(await readdir(scratch)).toEqual([])
})

test('missing tools fail or warn by what they are for, each with one command for all', async () => {
  await mkdir(join(scratch, 'bin'))
  await writeFile(join(scratch, 'bin/pacman'), '', { mode: 0o755 })
  const checks = await diagnosis({ PATH: join(scratch, 'bin') })
  expect(checks.get('qemu')?.status).toBe('fail')
  expect(checks.get('qemu-img')).toMatchObject({ status: 'fail', found: 'missing; it creates and checks disks' })
  expect(checks.get('mmdebstrap')?.status).toBe('warn')
  expect(checks.get('mmdebstrap')?.hint).toMatch(/pacman -S .*qemu-img .*mmdebstrap/)
})

test('a user without an entry in /etc/passwd is told what is missing', async () => {
  const { found, hint } = await checkUserNamespaces({ uid: 54_321, username: undefined })
  if (!found.startsWith('not allowed')) expect(found).toContain('user 54321 has no entry in /etc/passwd')
  expect(hint).toBeDefined()
})

test('a broken QEMU and wrong variables are findings, not exceptions', async () => {
  const env = { ...process.env, MAYFLY_QEMU: '/bin/true', MAYFLY_ACCEL: 'warp', MAYFLY_MEMORY_BUDGET: 'lots' }
  const checks = await diagnosis(env)
  expect(checks.get('qemu')).toMatchObject({ status: 'fail', found: expect.stringContaining('not a QEMU') })
  expect(checks.get('accelerator')).toMatchObject({ status: 'fail', hint: expect.stringContaining('kvm, tcg, hvf') })
  expect(checks.get('memory')).toMatchObject({ status: 'fail', found: expect.stringContaining('"lots"') })
  expect(checks.get('cores')?.status).toBe('ok')
})

test('too small a memory budget is a warning', async () => {
  const checks = await diagnosis({ ...process.env, MAYFLY_MEMORY_BUDGET: '64' })
  expect(checks.get('memory')).toMatchObject({ status: 'warn', found: expect.stringContaining('64.0 MiB') })
})

test('a cache directory that is a file, below a file or not writable fails', async () => {
  const file = join(scratch, 'file')
  await writeFile(file, '')
  for (const path of [file, join(file, 'below'), '/proc/mayfly']) {
    const check = (await diagnosis(process.env, path)).get('cache directory')
    expect(check, path).toMatchObject({ status: 'fail', hint: expect.stringContaining('MAYFLY_CACHE_DIR') })
  }
})

test.each([
  ['20.19.0', 'ok'],
  ['22.0.0', 'ok'],
  ['20.18.9', 'fail'],
  ['18.20.0', 'fail'],
])('node %s: %s', (version, status) => {
  expect(checkNode(version)).toMatchObject({ found: version, status })
})

test('reads apt sources of both formats, without what is commented out, disabled or secret', async () => {
  expect(await checkAptMirror(scratch)).toMatchObject({ status: 'warn', hint: expect.any(String) })
  await mkdir(join(scratch, 'sources.list.d'))
  await writeFile(
    join(scratch, 'sources.list'),
    'deb [arch=amd64 signed-by=/k] http://user:secret@one.test/debian bookworm main\n# deb http://off.test/ x main\ndeb-src http://src.test/ x main\n',
  )
  await writeFile(join(scratch, 'sources.list.d/old.list.disabled'), 'deb http://off.test/ x main\n')
  await writeFile(
    join(scratch, 'sources.list.d/two.sources'),
    'Types: deb deb-src\nURIs: http://two.test/debian http://three.test/debian\nSuites: x\n\n# note\nEnabled: no\nTypes: deb\nURIs: http://off.test/\n\nTypes: deb-src\nURIs: http://src.test/\n',
  )
  expect(await checkAptMirror(scratch)).toEqual({
    name: 'apt mirror',
    status: 'ok',
    found: 'http://one.test/debian, http://two.test/debian, http://three.test/debian',
  })
})
