import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { errorsIn, renderDiagnostic } from './diagnostic.js'
import { inspectVmFile, parseVmFile } from './parse.js'

const BAD = fileURLToPath(new URL('../../fixtures/vmfiles/bad/', import.meta.url))
const names = readdirSync(BAD).flatMap((name) => (name.endsWith('.kdl') ? [name.slice(0, -4)] : []))

test('there are many ways to write a wrong file, and none of the expectations is left over', () => {
  expect(names.length).toBeGreaterThan(60)
  expect(readdirSync(BAD).filter((name) => !name.endsWith('.kdl'))).toEqual(names.map((name) => `${name}.txt`).sort())
})

test.each(names)('%s is refused, with every place, and what to do', async (name) => {
  const text = readFileSync(`${BAD}${name}.kdl`, 'utf8')
  const { source, diagnostics } = inspectVmFile(text, { path: `${name}.kdl` })
  expect(errorsIn(diagnostics).length).toBeGreaterThan(0)
  const rendered = diagnostics.map((found) => renderDiagnostic(source, found).join('\n')).join('\n\n')
  await expect(`${rendered}\n`).toMatchFileSnapshot(`${BAD}${name}.txt`)
  expect(() => parseVmFile(text, { path: `${name}.kdl` })).toThrow(
    expect.objectContaining({
      code: 'MAYFLY_VMFILE_INVALID',
      shortMessage: expect.stringContaining(`${name}.kdl has `),
    }),
  )
})
