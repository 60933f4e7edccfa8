// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { openPool } from 'mayfly'
import { stagesOf } from './breakdown.js'
import { stopwatch } from './statistics.js'

/** A clone takes half a second; much later than this none is coming. */
const PATIENCE_MS = 60_000

/** @typedef {{ ms: number, handOutMs: number, stages: import('./breakdown.js').Stages }} Pooled */

/**
 * A pool of one machine, which is ready whenever one is asked for.
 * @typedef {object} MeasuredPool
 * @property {() => Promise<Pooled>} refilling as in a suite: the next machine is made beside the hand-out's command
 * @property {() => Promise<Pooled>} alone the same with no other machine to come
 * @property {() => Promise<void>} end
 */

/**
 * What a user writes: `take`, then a command; and where the time went. `take` itself starts the refill as soon as its
 * machine is awake, so on two cores that shares the host with the first command: so it is in a suite.
 * @param {import('./guest.js').BenchGuest} guest
 * @returns {Promise<MeasuredPool>}
 */
export async function measuredPool({ guest, name }) {
  const pool = await openPool(guest, { most: 1 })
  // Nothing is told when a machine is ready, and nobody in a suite asks.
  const ready = async () => {
    const patience = AbortSignal.timeout(PATIENCE_MS)
    while (pool.ready === 0) {
      if (patience.aborted) throw new Error(`the pool of ${name} stays empty`)
      await delay(10)
    }
  }
  const sample = async () => {
    const started = performance.now()
    const vm = await pool.take()
    const handOutMs = performance.now() - started
    try {
      const execMs = await stopwatch(() => vm.succeed('true'))
      const ms = performance.now() - started
      if (!vm.timings.pooled) throw new Error(`${vm.id} did not come out of the pool`)
      return { ms, handOutMs, stages: stagesOf(ms, vm.timings, execMs) }
    } finally {
      await vm.destroy()
      pool.expect(Number.POSITIVE_INFINITY)
      // Whoever is measured next has the host to itself.
      await ready()
    }
  }
  await ready()
  return {
    refilling: sample,
    alone: () => {
      pool.expect(0)
      return sample()
    },
    end: () => pool[Symbol.asyncDispose](),
  }
}
