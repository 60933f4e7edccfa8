import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { parseSealed, readSealed, sealedJson, writeSealed } from './sealed-json.js'

const schema = z.object({ name: z.string(), parent: z.object({ key: z.string() }).optional(), agent: z.boolean() })
const value = { name: 'über "micro"\ud800', parent: { key: 'a-b' }, agent: true, unknown: { 7: 1.5e-7, b: [null, -0] } }
const meaning = JSON.parse(JSON.stringify(value)) as object

test('gives back what was written, with members that the schema does not know', () => {
  expect(parseSealed(sealedJson(value), schema)).toEqual(meaning)
})

test.each(['null', '[]', '{}', '7', '"text"', '', '{', '{"checksum": 7}', '{"__proto__": {"name": "x"}}'])(
  'says why %s cannot be used',
  (text) => {
    expect(parseSealed(text, schema)).toEqual(expect.any(String))
    expect(parseSealed(text, schema, { unsealed: true })).toEqual(expect.any(String))
  },
)

test.each([false, true])(
  'sees every flipped bit and every truncation that changes the meaning (unsealed: %s)',
  (unsealed) => {
    const bytes = Buffer.from(sealedJson(value))
    let seen = 0
    const expectSeen = (damaged: Buffer) => {
      const read = parseSealed(damaged.toString('utf8'), schema, { unsealed })
      if (typeof read === 'string') return seen++
      const { checksum: _, ...rest } = read as Record<string, unknown>
      // One whose checksum has another name, in a document that may have none.
      const known = Object.fromEntries(Object.entries(rest).filter(([name]) => name in meaning))
      expect(known).toEqual(meaning)
      return undefined
    }
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      expectSeen(damaged)
    }
    for (let length = 0; length < bytes.length; length++) expectSeen(bytes.subarray(0, length))
    expect(seen).toBeGreaterThan(5 * bytes.length)
  },
)

test('a file is replaced in one step, and only its owner may read it, whatever the umask is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-sealed-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'document.json')
  expect(await readSealed(path, schema)).toBeUndefined()
  await writeFile(path, 'null')
  await chmod(path, 0o644)
  await Promise.all(Array.from({ length: 8 }, () => writeSealed(path, value)))
  expect(await readSealed(path, schema)).toEqual(meaning)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(directory)).toEqual(['document.json'])
  expect(await readFile(path, 'utf8')).toMatch(/\n$/)
  expect(await readSealed(directory, schema)).toMatch(/EISDIR/)
})
