import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { costOf, flood, GIGABYTE, MOST_MIB, MOST_STALL_MS, measure } from '../testing/flood.js'
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

test('what looks like a panic is one when that is confirmed, and the next line is looked into again', async () => {
  const line = new PassThrough()
  const answers = [false, true]
  const console = new Console(line, { confirmPanic: async () => answers.shift() ?? true })
  const heard: [string, boolean][] = []
  console.onPanic((words, confirmed) => heard.push([words, confirmed]))
  const failed = console.failOnPanic(new AbortController().signal)
  line.write('Kernel panic - not syncing: told\nKernel panic - not syncing: true\n')
  await expect(failed).rejects.toMatchObject({ code: 'MAYFLY_GUEST_PANIC' })
  expect(heard.map(([, confirmed]) => confirmed)).toEqual([false, true])
  expect(console.panic).toBe('Kernel panic - not syncing: true')
})

test('a kernel that is told to restart has not panicked', async () => {
  const { line, console } = open()
  line.write('Kernel panic - not syncing: told\n')
  line.write('[    9.1] reboot: Restarting system\n')
  await new Promise(setImmediate)
  expect(console.panic).toBeUndefined()
})

test.each([
  ['a line that does not end', { bytes: GIGABYTE / 4 }],
  ['panics without an end', { what: "yes 'Kernel panic - not syncing' | tr -d '\\n'", bytes: GIGABYTE / 20 }],
  ['panics one after the other', { what: "yes 'Kernel panic - not syncing'", bytes: GIGABYTE / 20 }],
])('%s costs neither memory nor a stall, while texts are waited for', async (_what, options) => {
  const flooding = flood(options)
  const console = new Console(flooding.stream, { confirmPanic: () => delay(100, false) })
  const signal = AbortSignal.timeout(60_000)
  const waits = [console.waitFor('login:', signal), console.waitFor(/^# $|logged in \d/m, signal)]
  for (const wait of waits) wait.catch(() => {})
  const { grownMiB, stallMs } = await costOf(flooding)
  expect(grownMiB).toBeLessThan(MOST_MIB)
  expect(stallMs).toBeLessThan(MOST_STALL_MS)
  expect(console.panic).toBeUndefined()
})

test('pieces of one byte cost no search each', async () => {
  const { line, console } = open()
  line.write('line\n'.repeat(50_000))
  const found = console.waitFor(/the end \d/, new AbortController().signal)
  const started = performance.now()
  for (let index = 0; index < 20_000; index++) line.write('.')
  expect(performance.now() - started).toBeLessThan(1000)
  line.write('the end 1')
  expect(await found).toBe('the end 1')
})

test('a pattern that takes too long on a line that the guest has printed is an error', async () => {
  const { line, console } = open()
  line.write('A'.repeat(300_000))
  const footprint = measure()
  await expect(console.waitFor(/.*login:/, new AbortController().signal)).rejects.toMatchObject({
    code: 'MAYFLY_OPTION_INVALID',
    shortMessage: expect.stringContaining('/.*login:/ takes too long'),
  })
  expect(footprint().stallMs).toBeLessThan(2 * MOST_STALL_MS)
})
