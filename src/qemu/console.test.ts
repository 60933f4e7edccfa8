import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { Console } from './console.js'

const open = () => {
  const line = new PassThrough()
  return { line, console: new Console(line) }
}

test('a panic is told when its whole line is there, however it comes', async () => {
  const { line, console } = open()
  const failed = console.failOnPanic(new AbortController().signal)
  line.write('[    1.0] Kernel panic - not syn')
  line.write('cing: Attempted to kill')
  await new Promise(setImmediate)
  expect(console.panic).toBeUndefined()
  line.write(' init!\r\n[    1.1] CPU: 0\r\n')
  await expect(failed).rejects.toMatchObject({
    code: 'MAYFLY_GUEST_PANIC',
    shortMessage: expect.stringMatching(/: Kernel panic - not syncing: Attempted to kill init!$/),
    details: ['console: [    1.0] Kernel panic - not syncing: Attempted to kill init!'],
  })
})

test('a wait is for what was printed as well as for what will be', async () => {
  const { line, console } = open()
  const { signal } = new AbortController()
  line.write('login: ')
  await new Promise(setImmediate)
  expect(await console.waitFor('login:', signal)).toBe('login:')
  const later = console.waitFor(/(\d+) users/, signal)
  line.write('1')
  line.write('2 users\n')
  expect(await later).toBe('12 users')
})

test('an aborted wait ends with the reason', async () => {
  const { console } = open()
  const reason = new Error('enough')
  await expect(console.waitFor('never', AbortSignal.abort(reason))).rejects.toBe(reason)
})

test('only the end of a long log is kept, and its last lines are the tail', async () => {
  const { line, console } = open()
  for (let index = 0; index < 40_000; index++) line.write(`line ${index}\r\n`)
  await new Promise(setImmediate)
  expect(console.text().length).toBeLessThanOrEqual(256 * 1024)
  expect(console.tail(2)).toEqual(['line 39998', 'line 39999'])
})
