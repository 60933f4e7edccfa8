import { launch } from 'mayfly'
import { expect, test } from 'vitest'

// Without fixtures: in any program, a machine lives as long as its block.
test('a machine for a block of code', { timeout: 120_000 }, async () => {
  await using vm = await launch({ image: 'micro', memory: '128MiB' })
  const lines: string[] = []
  await vm.exec('for i in 1 2 3; do echo line $i; done', {
    onStdout: (chunk) => void lines.push(...`${chunk}`.trim().split('\n')),
  })
  expect(lines).toEqual(['line 1', 'line 2', 'line 3'])
})
