import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generateIdentity, publicKeyBlob } from './identity.js'

test('ssh-keygen and dropbearkey derive the same public keys', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-identity-'))
  try {
    const identity = generateIdentity('a comment')
    for (const [name, pair] of Object.entries(identity)) {
      const path = join(directory, name)
      await writeFile(path, pair.privateKey, { mode: 0o600 })
      expect(execFileSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' }).trim()).toBe(pair.publicKey)
    }
    const path = join(directory, 'dropbear')
    await writeFile(path, identity.host.dropbear, { mode: 0o600 })
    const said = execFileSync('dropbearkey', ['-y', '-f', path], { encoding: 'utf8' })
    const line = said.split('\n').find((candidate) => candidate.startsWith('ssh-ed25519 '))
    expect(publicKeyBlob(line!)).toEqual(publicKeyBlob(identity.host.publicKey))
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('every identity is another one', () => {
  expect(generateIdentity('x').host.publicKey).not.toBe(generateIdentity('x').host.publicKey)
})
