import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { debianSources } from './apt-sources.js'

let apt: string
beforeEach(async () => {
  apt = await mkdtemp(join(tmpdir(), 'mayfly-apt-'))
  await mkdir(join(apt, 'sources.list.d'))
})
afterEach(() => rm(apt, { recursive: true, force: true }))

test('moves the archives of the host to the suite, and leaves third parties out', async () => {
  await writeFile(
    join(apt, 'sources.list.d/debian.sources'),
    `Types: deb
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/security
Suites: bookworm-security
Components: main
`,
  )
  await writeFile(
    join(apt, 'sources.list.d/a-vendor.list'),
    'deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.test/apt bookworm main\n',
  )
  expect(debianSources('trixie', undefined, apt)).toEqual([
    'deb http://mirror.test/debian trixie main',
    'deb http://mirror.test/debian trixie-updates main',
    'deb http://mirror.test/security trixie-security main',
  ])
})

test('reads one-line sources, and the list that a mirror+file source names', async () => {
  await writeFile(join(apt, 'mirrors'), 'https://cdn.test/debian\n')
  await writeFile(
    join(apt, 'sources.list'),
    `# deb http://off.test bookworm main\ndeb mirror+file:${apt}/mirrors bookworm main\n`,
  )
  expect(debianSources('bookworm', undefined, apt)).toEqual([
    'deb https://cdn.test/debian bookworm main',
    'deb https://cdn.test/debian bookworm-updates main',
  ])
})

test('is empty on a host without a Debian archive', async () => {
  await writeFile(join(apt, 'sources.list'), 'deb http://archive.test/ubuntu noble main\n')
  expect(debianSources('bookworm', undefined, apt)).toEqual([])
})

test('a mirror replaces what the host has', () => {
  expect(debianSources('bookworm', 'http://m.test/debian', apt)[0]).toBe('deb http://m.test/debian bookworm main')
  expect(debianSources('bookworm', 'deb [trusted=yes] http://m.test ./', apt)).toEqual([
    'deb [trusted=yes] http://m.test ./',
  ])
})
