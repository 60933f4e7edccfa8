import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '../vm/setup.js'
import { stepFingerprint } from './step-fingerprint.js'
import { file } from './steps.js'

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-steps-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

const fingerprint = (path: string, mode?: number) =>
  stepFingerprint(file(path, '/etc/x', mode === undefined ? {} : { mode }))

test('a file step is what the file holds and its mode, not where it lies', async () => {
  const directory = await scratch()
  const [one, two, three] = ['one', 'two', 'three'].map((name) => join(directory, name)) as [string, string, string]
  await Promise.all([writeFile(one, 'same'), writeFile(two, 'same'), writeFile(three, 'other')])
  expect(await fingerprint(one)).toBe(await fingerprint(two))
  expect(await fingerprint(one)).not.toBe(await fingerprint(three))
  expect(await fingerprint(one)).not.toBe(await fingerprint(one, 0o600))
  await chmod(two, 0o755)
  expect(await fingerprint(one)).not.toBe(await fingerprint(two))
  expect(await fingerprint(one, 0o600)).toBe(await fingerprint(two, 0o600))
})

test('a directory is the names, modes and contents in it', async () => {
  const directory = await scratch()
  const tree = join(directory, 'tree')
  await mkdir(join(tree, 'below'), { recursive: true })
  await writeFile(join(tree, 'below/b'), 'b')
  await writeFile(join(tree, 'a'), 'a')
  await symlink('a', join(tree, 'link'))
  const seen = [await fingerprint(tree)]
  const changed = async () => {
    const now = await fingerprint(tree)
    expect(seen).not.toContain(now)
    seen.push(now)
  }
  await writeFile(join(tree, 'below/b'), 'other')
  await changed()
  await rename(join(tree, 'below/b'), join(tree, 'below/c'))
  await changed()
  await chmod(join(tree, 'a'), 0o755)
  await changed()
  await rm(join(tree, 'link'))
  await symlink('below/c', join(tree, 'link'))
  await changed()
  await mkdir(join(tree, 'empty'))
  await changed()
  const moved = join(directory, 'moved')
  await rename(tree, moved)
  expect(await fingerprint(moved)).toBe(seen.at(-1))
  const byLink = join(directory, 'by-link')
  await symlink(moved, byLink)
  expect(await fingerprint(byLink)).toBe(seen.at(-1))
})

test('code is its key', async () => {
  const [one, same, other] = [
    setup('v1', async () => 1),
    setup('v1', async () => 2),
    setup('v2', async () => 1),
  ] as const
  expect(await stepFingerprint(one)).toBe(await stepFingerprint(same))
  expect(await stepFingerprint(one)).not.toBe(await stepFingerprint(other))
})

test('a file step whose file is missing says which', async () => {
  await expect(fingerprint('/nowhere/x')).rejects.toMatchObject({
    code: 'MAYFLY_GUEST_INVALID',
    message: expect.stringContaining('cannot be read: /nowhere/x'),
  })
})
