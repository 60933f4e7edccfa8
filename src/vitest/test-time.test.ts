import { setTimeout as delay } from 'node:timers/promises'
import { test as base, beforeEach, describe, expect, onTestFinished, type RunnerTestCase } from 'vitest'
import type { TimeLimit } from '../vm/allowance.js'
import { timeOf, timeOfCurrent, watchTests } from './test-time.js'

watchTests()

/** What was told in hooks and clean-ups, which must be none. */
const elsewhere: (TimeLimit | undefined)[] = []

function tell(task: RunnerTestCase): void {
  elsewhere.push(timeOf(task))
  // Another may be in its body.
  if (!task.concurrent) elsewhere.push(timeOfCurrent())
}

const test = base.extend('cleaned', async ({ task }, { onCleanup }) => {
  onCleanup(() => tell(task))
  return timeOf(task)
})

test.beforeEach(async ({ task }) => {
  tell(task)
  await delay(300)
  tell(task)
})

test.afterEach(({ task }) => {
  tell(task)
})

test("a body has the time of its test, which begins after the hooks'", { timeout: 7000 }, async ({ task }) => {
  const limit = timeOf(task)!
  expect(limit.totalMs).toBe(7000)
  expect(performance.now() - limit.startedAt).toBeLessThan(200)
  await delay(100)
  expect(timeOf(task)).toEqual(limit)
  expect(timeOfCurrent()).toEqual(limit)
})

test('a fixture that a body needs has it as well', { timeout: 8000 }, ({ cleaned, task }) => {
  expect(cleaned).toEqual(timeOf(task))
  expect(cleaned!.totalMs).toBe(8000)
})

describe('below', () => {
  beforeEach(({ task }) => {
    tell(task)
    onTestFinished(() => tell(task))
  })

  test('hooks of the suite are none of the body', ({ cleaned, task }) => {
    expect(cleaned).toEqual(timeOf(task))
  })

  test('a test that may take for ever has none', { timeout: 0 }, ({ task }) => {
    expect(timeOf(task)).toBeUndefined()
  })
})

let tries = 0
let firstStart = 0
test('a retry has a time of its own', { retry: 1 }, async ({ task }) => {
  const { startedAt } = timeOf(task)!
  if (tries++ === 0) {
    firstStart = startedAt
    await delay(50)
    throw new Error('once')
  }
  expect(startedAt).toBeGreaterThan(firstStart + 300)
})

describe.concurrent('several at once', () => {
  for (const name of ['one', 'other']) {
    test(`${name}: each has its own, and the current one is not known`, async ({ task }) => {
      await delay(200)
      expect(timeOf(task)).toBeDefined()
      expect(timeOfCurrent()).toBeUndefined()
      await delay(200)
    })
  }
})

test('hooks and clean-ups had none', () => {
  expect(elsewhere.length).toBeGreaterThan(20)
  expect(new Set(elsewhere)).toEqual(new Set([undefined]))
})
