import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { guestNamed, guestsNamed } from './guest-argument.js'

async function written(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-vmfile-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  await writeFile(join(directory, 'VMFile.kdl'), text)
  return join(directory, 'VMFile.kdl')
}

const TWO = 'vm "web-1" { image "micro"; }\nvm "db" { image "debian"; memory 2048; }\n'

test('a VMFile names its machines on a command line, and # one of them', async () => {
  const file = await written(TWO)
  expect((await guestsNamed(file)).map(({ name }) => name)).toEqual([`${file}#web-1`, `${file}#db`])
  expect(await guestNamed(`${file}#db`)).toMatchObject({ name: 'db', memoryBytes: 2048 * 2 ** 20 })
})

test('where one machine is needed, several are too many, and its options are those of the file', async () => {
  const file = await written(TWO)
  await expect(guestNamed(file)).rejects.toMatchObject({
    code: 'MAYFLY_OPTION_INVALID',
    hint: `Name one of them: ${file}#web-1, ${file}#db`,
  })
  await expect(guestNamed(`${file}#web`)).rejects.toThrow('Did you mean web-1?')
  await expect(guestNamed(`${file}#db`, { cpus: 2 })).rejects.toThrow('--cpus')
  await expect(guestsNamed(await written('vm "a" { imag "micro"; }'))).rejects.toMatchObject({
    code: 'MAYFLY_VMFILE_INVALID',
  })
})
