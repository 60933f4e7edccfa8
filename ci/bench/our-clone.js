// @ts-check
import { launch } from 'mayfly'
import { stagesOf } from './breakdown.js'
import { stopwatch } from './statistics.js'

/**
 * What a user writes: `launch`, then a command; and where the time went.
 * @param {import('./guest.js').BenchGuest} guest
 */
export async function ourClone({ guest }) {
  const started = performance.now()
  const vm = await launch(guest)
  try {
    const execMs = await stopwatch(() => vm.succeed('true'))
    const ms = performance.now() - started
    return { ms, stages: stagesOf(ms, vm.timings, execMs) }
  } finally {
    await vm.destroy()
  }
}
