// @ts-check
import { withClone } from './guest.js'
import { ourClone } from './our-clone.js'
import { row } from './row.js'
import { interleave, stopwatch } from './statistics.js'

/** @param {string} name */
export const restoreRowName = (name) => `${name}: restore in place to first exec`

/**
 * One machine goes back to the same checkpoint again and again, each time after it was changed.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchRestore(guest, { repeat, progress }) {
  progress(restoreRowName(guest.name))
  return await withClone(guest, async (vm) => {
    const checkpoint = await vm.checkpoint('bench')
    const contestants = {
      restore: async () => {
        await vm.succeed('touch /root/mark')
        return await stopwatch(async () => {
          await vm.restore(checkpoint)
          await vm.succeed('test ! -e /root/mark')
        })
      },
      clone: async () => (await ourClone(guest)).ms,
    }
    const { restore: value, clone: floor } = await interleave(Math.max(3, repeat), contestants, progress)
    const target = 'value <= 500'
    return [row({ name: restoreRowName(guest.name), unit: 'ms', value, floor, target, note: 'our clone, no pool' })]
  })
}
