// @ts-check
import { run } from './bare-ssh.js'
import { resumeByHand } from './resume-by-hand.js'

/**
 * The floor of a clone: QEMU, one load, one handshake, one command, and nothing else.
 * @param {import('./guest.js').BenchGuest} guest
 * @returns {Promise<{ ms: number, stages: import('./breakdown.js').Stages }>} from spawning QEMU to the first command's result
 */
export async function floorClone(guest) {
  const { client, at, end } = await resumeByHand(guest)
  try {
    await run(client, 'true')
    const done = performance.now()
    const ms = done - at.spawned
    const stages = {
      spawn: at.greeted - at.spawned,
      'load, cont': at.running - at.greeted,
      connect: at.connected - at.running,
      'first exec': done - at.connected,
      total: ms,
    }
    return { ms, stages }
  } finally {
    await end()
  }
}
