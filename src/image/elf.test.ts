import { expect, test } from 'vitest'
import { neededLibraries } from './elf.js'

test('the libraries of a program are read from it', async () => {
  // The program that runs this test.
  const names = await neededLibraries(process.execPath)
  expect(names).toContain('libc.so.6')
  expect(names.every((name) => /^[\w.+-]+$/.test(name))).toBe(true)
})

test('what is not a program is refused', async () => {
  await expect(neededLibraries(import.meta.filename)).rejects.toMatchObject({ code: 'MAYFLY_BUILD_FAILED' })
})
