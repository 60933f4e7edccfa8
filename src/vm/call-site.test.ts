import { expect, test } from 'vitest'
import { MayflyError } from '../errors.js'
import { Timeline } from './timeline.js'

/** Fails in an event, as what is cut off by a timer does. */
function later<T extends Error>(make: () => T): Promise<never> {
  return new Promise((_, reject) => setImmediate(() => reject(make())))
}

/** Its frames that are in this file. */
function linesHere({ stack = '' }: Error): string[] {
  return stack.split('\n').filter((line) => line.includes('call-site.test.ts') && !line.includes('Immediate'))
}

const elsewhere = () => {
  const error = new MayflyError('MAYFLY_COMMAND_TIMEOUT', 'it took too long')
  error.stack = [
    `${error.name}: ${error.message}`,
    '    at Timeout.<anonymous> (/srv/mayfly/exec.js:1:2)',
    '    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
  ].join('\n')
  return error
}

test('what fails in an event tells the line of the step, below its own', async () => {
  async function aStepOfTheTest() {
    await new Timeline().during('command', 'sleep 9', () => later(elsewhere))
  }
  const { stack = '' } = (await aStepOfTheTest().catch((error: unknown) => error)) as Error
  const lines = stack.split('\n')
  expect(lines[1]).toBe('    at Timeout.<anonymous> (/srv/mayfly/exec.js:1:2)')
  expect(lines[2]).toMatch(/at aStepOfTheTest .*call-site\.test\.ts:\d+:\d+\)$/)
  expect(lines.join()).not.toMatch(/during|node_modules/)
})

test('a stack that tells it already stays as it is', async () => {
  const failing = new Timeline().during('wait', 'file /x', async () => {
    await Promise.resolve()
    throw new MayflyError('MAYFLY_WAIT_TIMEOUT', 'waited in vain')
  })
  const error = (await failing.catch((error: unknown) => error)) as Error
  expect(linesHere(error)).toHaveLength(new Set(linesHere(error)).size)
})

test('errors that are not of Mayfly are left alone', async () => {
  const error = new Error('mine')
  error.stack = 'Error: mine\n    at /srv/mine.js:1:2'
  await new Timeline().during('check', 'an invariant', () => later(() => error)).catch(() => {})
  expect(error.stack).toBe('Error: mine\n    at /srv/mine.js:1:2')
})
