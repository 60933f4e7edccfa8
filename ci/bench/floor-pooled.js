// @ts-check
import { run } from './bare-ssh.js'
import { resumeByHand } from './resume-by-hand.js'
import { stopwatch } from './statistics.js'

/**
 * The floor of a pooled machine: a stopped QEMU with a session that has run one command goes on, and runs another.
 * Its clock and its random numbers stay those of the template.
 * @param {import('./guest.js').BenchGuest} guest
 * @returns {Promise<{ ms: number, stages: import('./breakdown.js').Stages }>} from `cont` to the command's result
 */
export async function floorPooled(guest) {
  const { qemu, client, end } = await resumeByHand(guest)
  try {
    await run(client, 'true')
    await qemu.qmp('stop')
    const cont = await stopwatch(() => qemu.qmp('cont'))
    const exec = await stopwatch(() => run(client, 'true'))
    const ms = cont + exec
    return { ms, stages: { 'load, cont': cont, 'first exec': exec, total: ms } }
  } finally {
    await end()
  }
}
