import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { launch } from '../vm/launch.js'
import { collectEvidence } from './collect-evidence.js'

test('a machine without a network has evidence as well', async () => {
  const directory = join(await mkdtemp(join(tmpdir(), 'mayfly-evidence-')), 'test')
  onTestFinished(() => rm(join(directory, '..'), { recursive: true, force: true }))
  await using vm = await launch({ image: 'micro', network: 'none' })
  const now = Date.now()
  const { folder } = await collectEvidence(
    {
      path: ['test'],
      startedAt: now,
      endedAt: now,
      errors: [],
      judge: () => ({ fault: 'product', reason: undefined }),
      machines: [{ name: 'vm', vm, findings: [] }],
      lost: [],
    },
    { directory },
  )
  expect(folder.files).toEqual(expect.arrayContaining(['vm/console.log', 'vm/qemu.txt']))
  expect(await readFile(join(directory, 'summary.txt'), 'utf8')).toContain('micro has no network')
})
