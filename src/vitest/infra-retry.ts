import { beforeAll, type RunnerTask, type RunnerTestCase } from 'vitest'
import { isError } from '../errors.js'
import { failureOf } from '../evidence/failure.js'
import { HARNESS_FAILED } from '../evidence/verdict.js'
import { say } from './line-progress.js'
import { pathOf } from './task-names.js'

/** Does `work` again after a failure of the harness, `most` times; vitest itself runs no fixture and no hook twice. */
export async function tryAgain<T>(
  work: () => Promise<T>,
  { most, onRetry, signal }: { most: number; onRetry?: ((error: Error) => void) | undefined; signal?: AbortSignal },
): Promise<T> {
  for (let left = most; ; left--) {
    try {
      return await work()
    } catch (error) {
      if (left === 0 || signal?.aborted || failureOf(error) === 'product') throw error
      onRetry?.(error as Error)
    }
  }
}

/** The same error; if it is the harness's, it says so. */
export function blame(error: unknown): unknown {
  if (isError(error) && failureOf(error) === 'harness') error.message += `\n\n${HARNESS_FAILED}`
  return error
}

/** Tests whose last attempt failed for the harness's sake, with machines that another attempt would not have. */
const retriable = new WeakSet<RunnerTestCase>()

/** Whether another attempt at `task` may help. */
export function markRetriable(task: RunnerTestCase, may: boolean): void {
  if (may) retriable.add(task)
  else retriable.delete(task)
}

/** Counts one more try after a failure of the harness. */
export function countRetry(task: RunnerTestCase): void {
  const { mayfly = {} } = task.meta
  task.meta.mayfly = { ...mayfly, harnessRetries: (mayfly.harnessRetries ?? 0) + 1 }
}

/**
 * Has vitest try the tests of this suite again whose failure was the harness's. It asks how often before a test's own hooks
 * and fixtures, so that only a hook of the suite comes early enough. Tests with a `retry` of their own keep it.
 */
export function retryHarnessFailures(most: number): void {
  // biome-ignore lint/correctness/noEmptyPattern: vitest insists on a pattern here
  beforeAll(({}, suite) => {
    for (const task of testsBelow(suite)) {
      if (task.retry) continue
      const condition = () => {
        if (!retriable.has(task)) return false
        countRetry(task)
        task.meta.mayfly!.harnessAttempts = (task.meta.mayfly!.harnessAttempts ?? 0) + 1
        say(`${pathOf(task).join(' > ')} is tried again: it was the harness that failed`)
        return true
      }
      task.retry = { count: most, condition }
    }
  })
}

function testsBelow(task: RunnerTask): RunnerTestCase[] {
  return task.type === 'test' ? [task] : task.tasks.flatMap(testsBelow)
}
