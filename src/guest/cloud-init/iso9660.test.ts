import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { findTool } from '../../host/tools.js'
import { iso9660 } from './iso9660.js'

const files = {
  'user-data': '#cloud-config\nusers: [default]\n',
  'meta-data': 'instance-id: one\n',
  'network-config': '',
  // Of more than one sector, and of whole sectors.
  'vendor-data': 'ä'.repeat(3000),
  large: 'x'.repeat(4096),
}

test('xorriso reads back names, contents, modes and label', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-iso-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'seed.iso')
  await writeFile(path, iso9660('cidata', files))
  const program = await findTool('xorriso')
  const out = join(directory, 'out')
  const { stderr } = await execa(program, [
    '-abort_on',
    'WARNING',
    '-indev',
    path,
    '-osirrox',
    'on',
    '-extract',
    '/',
    out,
  ])
  expect(stderr).toMatch(/Volume id\s+: 'cidata'/)
  for (const [name, content] of Object.entries(files)) {
    expect(await readFile(join(out, name), 'utf8'), name).toBe(content)
  }
  const { stdout } = await execa(program, ['-indev', path, '-find', '/', '-exec', 'lsdl'])
  expect(
    stdout
      .split('\n')
      .map((line) => line.replaceAll(/\s+/g, ' '))
      .sort(),
  ).toEqual([
    expect.stringMatching(/^-r--r--r-- 1 0 0 0 .* '\/network-config'$/),
    expect.stringMatching(/^-r--r--r-- 1 0 0 17 .* '\/meta-data'$/),
    expect.stringMatching(/^-r--r--r-- 1 0 0 31 .* '\/user-data'$/),
    expect.stringMatching(/^-r--r--r-- 1 0 0 4096 .* '\/large'$/),
    expect.stringMatching(/^-r--r--r-- 1 0 0 6000 .* '\/vendor-data'$/),
    expect.stringMatching(/^dr-xr-xr-x 1 0 0 0 .* '\/'$/),
  ])
})

test('equal files make equal images, in whatever order', () => {
  const turned = Object.fromEntries(Object.entries(files).reverse())
  expect(iso9660('cidata', turned)).toEqual(iso9660('cidata', files))
})

test('what does not fit is refused', () => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`file-${index}`, '']))
  expect(() => iso9660('cidata', many)).toThrow(/too many files/)
})
