import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dir } from 'tmp-promise'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findTool } from './tools.js'

let scratch: string

beforeEach(async () => {
  scratch = (await dir()).path
})
afterEach(() => rm(scratch, { recursive: true }))

async function program(directory: string, name: string, mode = 0o755): Promise<string> {
  await mkdir(join(scratch, directory), { recursive: true })
  const path = join(scratch, directory, name)
  await writeFile(path, '#!/bin/sh\n', { mode })
  return path
}

function pathOf(...directories: string[]): NodeJS.ProcessEnv {
  return { PATH: directories.map((name) => join(scratch, name)).join(':') }
}

test('finds the first executable file on PATH, past directories and plain files of that name', async () => {
  await mkdir(join(scratch, 'a/thing'), { recursive: true })
  await program('b', 'thing', 0o644)
  const wanted = await program('c', 'thing')
  await program('d', 'thing')
  expect(await findTool('thing', pathOf('a', 'b', 'c', 'd'))).toBe(wanted)
})

test('looks in the sbin directories that an ordinary PATH lacks', async () => {
  expect(await findTool('mke2fs', { PATH: '/usr/bin:/bin' })).toMatch(/^\/(usr\/)?sbin\/mke2fs$/)
})

test('ignores relative entries of PATH, which would depend on the working directory', async () => {
  await expect(findTool('package.json', { PATH: '.:' })).rejects.toMatchObject({ code: 'MAYFLY_TOOL_MISSING' })
})

test('notices that a remembered tool is gone', async () => {
  const first = await program('a', 'thing')
  const second = await program('b', 'thing')
  const env = pathOf('a', 'b')
  expect(await findTool('thing', env)).toBe(first)
  await rm(first)
  expect(await findTool('thing', env)).toBe(second)
})

test.each([
  ['apt-get', /apt-get install qemu-system-arm ipxe-qemu$/],
  ['dnf', /dnf install qemu-system-aarch64 ipxe-roms-qemu$/],
  ['pacman', /pacman -S qemu-system-aarch64$/],
  ['apk', /apk add qemu-system-aarch64$/],
  ['brew', /with: brew install qemu$/],
])('a missing tool names its package for %s', async (manager, hint) => {
  await program('bin', manager)
  await expect(findTool('qemu-system-aarch64', pathOf('bin'))).rejects.toMatchObject({
    code: 'MAYFLY_TOOL_MISSING',
    shortMessage: 'qemu-system-aarch64 is not installed',
    hint: expect.stringMatching(hint),
  })
})

test('a missing tool names every known way where there is no package manager', async () => {
  await expect(findTool('qemu-system-aarch64', pathOf('bin'))).rejects.toMatchObject({
    hint: expect.stringMatching(/apt-get install qemu-system-arm .*dnf install .*pacman -S .*apk add .*brew install/),
  })
})

test('an unknown tool says so without inventing a package', async () => {
  await symlink('/nowhere', join(scratch, 'no-such-tool'))
  const error = findTool('no-such-tool', { PATH: scratch })
  await expect(error).rejects.toMatchObject({ code: 'MAYFLY_TOOL_MISSING', hint: expect.stringContaining('PATH') })
})
