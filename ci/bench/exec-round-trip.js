// @ts-check
import { login, run } from './bare-ssh.js'
import { withClone } from './guest.js'
import { row } from './row.js'
import { stopwatch } from './statistics.js'

/** @param {string} name */
export const execRowName = (name) => `${name}: exec of true on an open session`

/** Enough for a median that other load does not move. */
const ROUNDS_PER_REPEAT = 30
const MOST_ROUNDS = 200

/**
 * Mayfly's exec and a bare ssh2 one on a connection of its own, turn by turn, on one machine.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchExec(guest, { repeat, progress }) {
  const rounds = Math.min(MOST_ROUNDS, repeat * ROUNDS_PER_REPEAT)
  progress(`${guest.name}: exec of true, ${rounds} each`)
  /** @type {number[]} */
  const value = []
  /** @type {number[]} */
  const floor = []
  await withClone(guest, async (vm) => {
    const client = await login(vm.ssh.port, guest.keys)
    for (let round = -5; round < rounds; round++) {
      const ours = await stopwatch(() => vm.exec('true'))
      const bare = await stopwatch(() => run(client, 'true'))
      // The first few warm up both sides.
      if (round < 0) continue
      value.push(ours)
      floor.push(bare)
    }
    client.destroy()
  })
  const target = guest.name === 'micro' ? 'ratio <= 1.2' : undefined
  return [row({ name: execRowName(guest.name), unit: 'ms', value, floor, target, note: 'bare ssh2, TCP_NODELAY' })]
}
