import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parseVmFile } from './parse.js'
import { documentNodes } from './testing/document.js'

const PAGE = fileURLToPath(new URL('../../docs/vmfile.md', import.meta.url))
const GENERATED = /(<!-- generated: [^>]*-->\n)[\s\S]*(<!-- end of what is generated -->)/

test('docs/vmfile.md tells of every node what the schema does; vitest -u writes it', async () => {
  const page = readFileSync(PAGE, 'utf8')
  expect(page).toMatch(GENERATED)
  await expect(
    page.replace(GENERATED, (_, before: string, after: string) => `${before}\n${documentNodes()}\n${after}`),
  ).toMatchFileSnapshot(PAGE)
})

test('the VMFiles of docs/vmfile.md are right', () => {
  const written = [...readFileSync(PAGE, 'utf8').matchAll(/```kdl\n([\s\S]*?)```/g)].map(([, text]) => text!)
  const whole = written.filter((text) => /^(\/\/|vm )/.test(text))
  const parts = written.filter((text) => !whole.includes(text))
  expect([whole.length, parts.length].map((count) => count > 0)).toEqual([true, true])
  for (const text of whole) expect(parseVmFile(text, { path: 'VMFile.kdl' })).not.toEqual([])
  for (const text of parts)
    expect(parseVmFile(`vm "a" {\nimage "debian"\n${text}}`, { path: 'VMFile.kdl' })).toHaveLength(1)
})
