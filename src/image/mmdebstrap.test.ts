import { expect, test } from 'vitest'
import { runGroup } from './mmdebstrap.js'

test('a failure carries the end of the output', async () => {
  const lines: string[] = []
  const run = runGroup('/bin/sh', ['-c', 'echo one; echo two >&2; exit 3'], {
    log: (line) => lines.push(line),
    env: process.env,
  })
  await expect(run).rejects.toMatchObject({
    code: 'MAYFLY_BUILD_FAILED',
    shortMessage: '/bin/sh ended with status 3',
    details: expect.arrayContaining(['one', 'two']),
  })
  expect(lines.sort()).toEqual(['one', 'two'])
})

test('an abort stops the children of the tool as well', async () => {
  const controller = new AbortController()
  const lines: string[] = []
  const child = 'trap "echo child stopped; exit" TERM; echo child started; while :; do sleep 1 & wait; done'
  const run = runGroup('/bin/sh', ['-c', `sh -c '${child}' & wait`], {
    log: (line) => {
      lines.push(line)
      controller.abort()
    },
    signal: controller.signal,
    env: process.env,
  })
  await expect(run).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  expect(lines).toEqual(['child started', 'child stopped'])
})
