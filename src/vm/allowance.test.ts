import { expect, test } from 'vitest'
import { MayflyError } from '../errors.js'
import { Allowance } from './allowance.js'

const testOf = (totalMs: number, goneMs = 0) => ({ startedAt: performance.now() - goneMs, totalMs })

test('without a test, it is what was wanted, or none', () => {
  expect(new Allowance(1000)).toMatchObject({ limitMs: 1000, timeout: {}, reason: [], hint: undefined })
  expect(new Allowance().limitMs).toBe(Number.POSITIVE_INFINITY)
})

test('a test leaves a tenth of its time, two seconds at most', () => {
  expect(new Allowance(60_000, testOf(5000)).limitMs).toBeCloseTo(4500, -2)
  expect(new Allowance(undefined, testOf(5000)).limitMs).toBeCloseTo(4500, -2)
  expect(new Allowance(600_000, testOf(120_000)).limitMs).toBeCloseTo(118_000, -2)
  expect(new Allowance(60_000, testOf(5000, 3000)).limitMs).toBeCloseTo(1500, -2)
})

test('less than that was wanted: the test is not the reason', () => {
  expect(new Allowance(1000, testOf(5000))).toMatchObject({ limitMs: 1000, timeout: {} })
})

test('there is time for evidence, within what is left of a test', () => {
  expect(new Allowance(1000).graceMs).toBe(8000)
  expect(new Allowance(1000, testOf(60_000)).graceMs).toBe(8000)
  expect(new Allowance(1000, testOf(5000)).graceMs).toBeCloseTo(3750, -2)
  expect(new Allowance(undefined, testOf(5000)).graceMs).toBeCloseTo(250, -1)
})

test('what begins near the end still has a chance, and what begins after it ends', () => {
  expect(new Allowance(undefined, testOf(5000, 4800)).limitMs).toBeCloseTo(100, -2)
  expect(new Allowance(undefined, testOf(5000, 6000)).limitMs).toBe(1)
})

test('a command that the time of the test has ended says so; other errors are as they were', async () => {
  const allowed = new Allowance(undefined, testOf(5000))
  const late = new MayflyError('MAYFLY_COMMAND_TIMEOUT', 'it did not end', { details: ['command: x'] })
  await expect(allowed.hold('x', () => Promise.reject(late))).rejects.toThrow(
    `it did not end [MAYFLY_COMMAND_TIMEOUT]
  it was given up because the test, which has 5.0 s in all, is nearly over
  command: x
  Hint: Give the test more time, or this less: both have a \`timeout\`.`,
  )
  const other = new MayflyError('MAYFLY_SSH_FAILED', 'lost')
  await expect(allowed.hold('x', () => Promise.reject(other))).rejects.toBe(other)
  await expect(new Allowance(100).hold('x', () => Promise.reject(late))).rejects.toBe(late)
})

test('a command that cannot even be killed is not waited for', async () => {
  const allowed = new Allowance(undefined, testOf(300))
  const started = performance.now()
  await expect(allowed.hold('stuck', () => new Promise(() => {}))).rejects.toThrow(
    /did not end within 2\d\d ms, and could not be killed \[MAYFLY_COMMAND_TIMEOUT\]\n.*the test, which has 300 ms.*\n {2}command: stuck/,
  )
  expect(performance.now() - started).toBeLessThan(299)
})
