import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { guestTest } from '../vitest/guest-test.js'

// What breaks here must not fail these tests at their end: the machine is the file's, and each test ends its own.
const test = guestTest('micro', { scope: 'file' })

test('is checked while the test goes on, and is no step of it', async ({ vm }) => {
  const held = vm.invariant('it is up', (it) => it.succeed('true'), { every: 20 })
  const before = vm.timeline.entries.length
  await expect.poll(() => held.checks, { timeout: 20_000 }).toBeGreaterThan(3)
  expect(vm.timeline.entries.slice(before)).toEqual([])
  const entry = vm.timeline.entries.find(({ title }) => title === 'invariant it is up')!
  expect(entry).toMatchObject({ kind: 'check' })
  expect(entry.durationMs).toBeUndefined()
  expect(await vm.endInvariants()).toEqual([])
  expect(entry).toMatchObject({ result: `held, ${held.checks} checks` })
  const { checks } = held
  await delay(100)
  expect(held.checks).toBe(checks)
})

test('rejects what is in flight at once, and says when it broke, and after what', async ({ vm }) => {
  await vm.succeed('touch /run/leader')
  const held = vm.invariant('there is a leader', () => vm.succeed('test -e /run/leader'), { every: 20 })
  await expect.poll(() => held.checks, { timeout: 20_000 }).toBeGreaterThan(0)
  await vm.succeed('rm /run/leader')
  const started = performance.now()
  const [command, wait, console] = await Promise.allSettled([
    vm.exec('sleep 30'),
    vm.waitForFile('/never'),
    vm.waitForConsoleText('never'),
  ])
  expect(performance.now() - started).toBeLessThan(5000)
  for (const result of [command, wait, console]) {
    expect(result.status === 'rejected' && result.reason).toMatchObject({
      name: 'GuestAssertionError',
      code: 'MAYFLY_INVARIANT_BROKEN',
      shortMessage: expect.stringMatching(
        /^micro: invariant there is a leader broke after [\d.]+ m?s, (during|[\d.]+ m?s after) (waiting for|console text|file|sleep|rm)/,
      ),
    })
  }
  expect(held.broken!.details).toEqual(
    expect.arrayContaining([
      'should succeed, but exited with 1: test -e /run/leader [MAYFLY_COMMAND_FAILED]',
      expect.stringMatching(/^it held [\d.]+ m?s before$/),
    ]),
  )
  // What comes later goes on.
  expect(await vm.succeed('echo on')).toBe('on\n')
  await expect(held[Symbol.asyncDispose]()).rejects.toBe(held.broken)
  expect(await vm.endInvariants()).toEqual([held.broken])
  await vm.exec('pkill sleep || killall sleep')
})

test('never overlaps itself', async ({ vm }) => {
  let running = 0
  let most = 0
  const held = vm.invariant(
    'one at a time',
    async () => {
      most = Math.max(most, ++running)
      await delay(60)
      running--
    },
    { every: 1 },
  )
  await expect.poll(() => held.checks).toBeGreaterThan(3)
  await vm.endInvariants()
  expect([most, running]).toEqual([1, 0])
})

test('a last check that does not end breaks it', async ({ vm }) => {
  let hang = false
  const held = vm.invariant('it answers', () => (hang ? new Promise(() => {}) : true), { every: '1h' })
  await expect.poll(() => held.checks).toBe(1)
  hang = true
  expect(await vm.endInvariants()).toMatchObject([
    { message: expect.stringContaining('the last check did not end within') },
  ])
})

test('`await using` checks a last time', async ({ vm }) => {
  let holds = true
  const work = async () => {
    await using held = vm.invariant('it holds', () => holds, { every: '1h' })
    await expect.poll(() => held.checks).toBe(1)
    holds = false
  }
  await expect(work()).rejects.toThrow('invariant it holds broke')
  expect(await vm.endInvariants()).toHaveLength(1)
})

test('what is no duration is refused', ({ vm }) => {
  expect(() => vm.invariant('x', () => true, { every: 'often' })).toThrow('every is not a duration: "often"')
})
