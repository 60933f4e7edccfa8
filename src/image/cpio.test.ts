import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CpioEntry, cpio, type MemoryFile, writeCpio } from './cpio.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-cpio-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const entries: (Exclude<CpioEntry, { type: 'file' }> | MemoryFile)[] = [
  { type: 'directory', path: '/etc' },
  { type: 'file', path: 'etc/ünï', mode: 0o600, content: 'hello' },
  { type: 'symlink', path: 'etc/link', target: 'ünï' },
  { type: 'device', path: 'dev/console', kind: 'char', major: 5, minor: 1 },
]

/** Reads a newc archive back, the way the kernel walks it. */
function members(archive: Buffer): { path: string; mode: number; data: string; device: [number, number] }[] {
  const found = []
  for (let at = 0; ; ) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701')
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    const path = archive.toString('utf8', at + 110, at + 110 + field(11) - 1)
    if (path === 'TRAILER!!!') return found
    const start = (at + 110 + field(11) + 3) & ~3
    const device: [number, number] = [field(9), field(10)]
    found.push({ path, mode: field(1), data: archive.toString('utf8', start, start + field(6)), device })
    at = (start + field(6) + 3) & ~3
  }
}

test('holds each kind of member', () => {
  expect(members(cpio(entries))).toEqual([
    { path: 'etc', mode: 0o040755, data: '', device: [0, 0] },
    { path: 'etc/ünï', mode: 0o100600, data: 'hello', device: [0, 0] },
    { path: 'etc/link', mode: 0o120777, data: 'ünï', device: [0, 0] },
    { path: 'dev/console', mode: 0o020600, data: '', device: [5, 1] },
  ])
})

test('can be followed by another archive', () => {
  expect(cpio(entries).length % 512).toBe(0)
})

test('written to a file, it is the same as in memory', async () => {
  await writeCpio(join(directory, 'a.cpio'), entries)
  expect(await readFile(join(directory, 'a.cpio'))).toEqual(cpio(entries))
})

test('takes the content of host files, of a length that needs padding as well', async () => {
  const content = 'x'.repeat(70_001)
  await writeFile(join(directory, 'big'), content)
  const big: CpioEntry = { type: 'file', path: 'big', content: { hostPath: join(directory, 'big') } }
  await writeCpio(join(directory, 'a.cpio'), [big, ...entries])
  expect(await readFile(join(directory, 'a.cpio'))).toEqual(cpio([{ type: 'file', path: 'big', content }, ...entries]))
})
