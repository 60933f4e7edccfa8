import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stepFingerprint } from './step-fingerprint.js'
import { describeStep, file, packages, shell } from './steps.js'

test('a file step is what the file holds, not where it lies', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-steps-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const [one, two, three] = ['one', 'two', 'three'].map((name) => join(directory, name)) as [string, string, string]
  await Promise.all([writeFile(one, 'same'), writeFile(two, 'same'), writeFile(three, 'other')])
  const fingerprint = (path: string, mode?: number) =>
    stepFingerprint(file(path, '/etc/x', mode === undefined ? {} : { mode }))
  expect(await fingerprint(one)).toBe(await fingerprint(two))
  expect(await fingerprint(one)).not.toBe(await fingerprint(three))
  expect(await fingerprint(one)).not.toBe(await fingerprint(one, 0o600))
})

test('a file step whose file is missing says which', async () => {
  await expect(stepFingerprint(file('/nowhere/x', '/etc/x'))).rejects.toThrow(/cannot be read: \/nowhere\/x/)
})

test('steps in a line each', () => {
  expect([packages('nginx', 'curl'), file('a', '/etc/a'), shell('one\ntwo')].map(describeStep)).toEqual([
    'packages nginx curl',
    'file /etc/a',
    'shell one …',
  ])
})
