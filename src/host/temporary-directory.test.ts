import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { temporaryDirectory } from './temporary-directory.js'

afterEach(() => void vi.unstubAllEnvs())

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mayfly-tmpdir-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('is absolute, also where TMPDIR is not', () => {
  const directory = scratch()
  vi.stubEnv('TMPDIR', relative(process.cwd(), directory))
  expect(temporaryDirectory()).toBe(directory)
})

test.each([
  ['is not there', () => {}, 'it is not there'],
  ['is a file', (path: string) => writeFileSync(path, ''), 'it is not a directory'],
])('TMPDIR that %s is told by its name', (_, make, why) => {
  const path = join(scratch(), 'here')
  make(path)
  vi.stubEnv('TMPDIR', path)
  expect(() => temporaryDirectory()).toThrow(
    expect.objectContaining({
      code: 'MAYFLY_OPTION_INVALID',
      message: expect.stringContaining(why),
      hint: expect.stringContaining('TMPDIR'),
    }),
  )
})
