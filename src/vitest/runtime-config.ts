import { availableParallelism } from 'node:os'
import { vi } from 'vitest'
import type { Guest } from '../guest/spec.js'
import { detectAccelerator } from '../host/accelerator.js'
import { memoryBudget } from '../host/memory.js'

/** What vitest uses when nobody has chosen, in ms. */
const VITEST_TEST_TIMEOUT = 5000
const VITEST_MAX_CONCURRENCY = 5

/**
 * Fits this file's limits to the host: no more concurrent tests than it has cores and memory for their guests,
 * so that waiting for a machine is not charged to a test's time; and more of that time where guests are emulated.
 * Limits that the user has chosen are never raised.
 */
export function fitToHost(guests: readonly Guest[]): void {
  const { maxConcurrency, testTimeout } = chosen()
  const cpus = guests.reduce((sum, guest) => sum + guest.cpus, 0)
  const memory = guests.reduce((sum, guest) => sum + guest.memoryBytes, 0)
  const room = Math.max(1, Math.floor(Math.min((2 * availableParallelism()) / cpus, memoryBudget() / memory)))
  if (room < maxConcurrency) vi.setConfig({ maxConcurrency: room })
  const { timeoutScale } = detectAccelerator()
  if (testTimeout === VITEST_TEST_TIMEOUT && timeoutScale > 1) vi.setConfig({ testTimeout: testTimeout * timeoutScale })
}

/** vitest's root, absolute. */
export function vitestRoot(): string {
  return workerConfig().root ?? process.cwd()
}

function chosen(): { maxConcurrency: number; testTimeout: number } {
  const { maxConcurrency = VITEST_MAX_CONCURRENCY, testTimeout = VITEST_TEST_TIMEOUT } = workerConfig()
  return { maxConcurrency, testTimeout }
}

/** vitest tells no one its resolved configuration; its worker state holds it. */
function workerConfig(): { maxConcurrency?: number; testTimeout?: number; root?: string } {
  return (globalThis as { __vitest_worker__?: { config?: object } }).__vitest_worker__?.config ?? {}
}
