import { mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkSomeChunk } from './background-check.js'
import { CHUNK_BYTES } from './file-content.js'
import { findDamagedFile, recordContents } from './verified-files.js'

test('a chunk that is damaged is told, and has its directory compared as a whole when it is used next', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-background-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'ram')
  await writeFile(path, Buffer.alloc(CHUNK_BYTES + 5, 1))
  // Holes are never read.
  await truncate(path, 9 * CHUNK_BYTES)
  const contents = await recordContents(directory, ['ram'])
  const bytes = await readFile(path)
  bytes[CHUNK_BYTES + 3]! ^= 1
  await writeFile(path, bytes)
  const { mtime } = await stat(path)
  await utimes(path, mtime, mtime)
  // As after damage that changes no time.
  await recordContents(directory, ['ram'])
  expect(await findDamagedFile(directory, contents)).toBeUndefined()
  const notes: string[] = []
  const check = (random: number) =>
    checkSomeChunk([{ name: 'the template of micro', directory, contents }], (line) => void notes.push(line), random)
  await check(0)
  expect(notes).toEqual([])
  await check(0.999)
  const damage = `its file ram is damaged between byte ${CHUNK_BYTES} and ${2 * CHUNK_BYTES}`
  expect(notes).toEqual([`the template of micro is damaged, and is made again when it is used next: ${damage}`])
  expect(await findDamagedFile(directory, contents)).toBe(damage)
})
