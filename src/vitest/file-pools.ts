import { afterAll, type RunnerTask } from 'vitest'
import type { Guest } from '../guest/spec.js'
import { type PoolOptions, VmPool } from '../vm/vm-pool.js'
import { keepingOfWatch } from './watch-keeping.js'

/**
 * A pool of each guest, which ends with the test file: its worker may end then too. While files are watched, their machines are in
 * a keeper, which does not.
 */
export function poolPerFile(guests: readonly Guest[], options: PoolOptions): ReadonlyMap<Guest, VmPool> {
  const keeping = keepingOfWatch()
  const pools = new Map(guests.map((guest) => [guest, new VmPool(guest, options, keeping)]))
  afterAll(async () => {
    await Promise.all([...pools.values()].map((pool) => pool[Symbol.asyncDispose]()))
  })
  return pools
}

/** Tests below `task` that have not begun: each may ask for a machine. */
export function testsToCome(task: RunnerTask): number {
  if (task.type === 'test') return (task.mode === 'run' || task.mode === 'queued') && !hasBegun(task) ? 1 : 0
  return task.tasks.reduce((sum, child) => sum + testsToCome(child), 0)
}

function hasBegun({ result }: RunnerTask): boolean {
  return result !== undefined && result.state !== 'queued'
}
