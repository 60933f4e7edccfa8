import { beforeEach, type RunnerTestCase } from 'vitest'
import { performance } from '../node-globals.js'
import type { TimeLimit } from '../vm/allowance.js'

/** Tests that have begun, and perhaps ended since. */
const begun = new Set<RunnerTestCase>()
/** When a test's body was first seen to run: vitest tells no one when it started the clock. Never too early, so that no test fails by it. */
const startedAt = new WeakMap<RunnerTestCase, number>()

/** Tells bodies from hooks, which have time limits of their own. Call it where tests are defined. */
export function watchTests(): void {
  beforeEach(({ task }) => {
    for (const other of begun) if (!isRunning(other)) begun.delete(other)
    begun.add(task)
    startedAt.delete(task)
  })
}

/** The time of a test while its body runs, its fixtures' set-up included; none in hooks and in what cleans up. */
export function timeOf(task: RunnerTestCase): TimeLimit | undefined {
  // vitest writes down how far the hooks are only if there are any: here is always one.
  if (!isRunning(task) || task.result?.hooks?.beforeEach !== 'pass') return undefined
  if (!(task.timeout > 0 && Number.isFinite(task.timeout))) return undefined
  if (!startedAt.has(task)) startedAt.set(task, performance.now())
  return { startedAt: startedAt.get(task)!, totalMs: task.timeout }
}

/** The time of the test that runs, unless there are several: nobody knows then which of them uses a machine. */
export function timeOfCurrent(): TimeLimit | undefined {
  const running = [...begun].filter(isRunning)
  return running.length === 1 ? timeOf(running[0]!) : undefined
}

/** The state is decided as soon as the body has ended, before any hook or clean-up. */
function isRunning({ result }: RunnerTestCase): boolean {
  return result?.state === 'run'
}
