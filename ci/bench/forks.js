// @ts-check
import { join } from 'node:path'
import { stagesOf } from './breakdown.js'
import { floorClone } from './floor-clone.js'
import { withClone } from './guest.js'
import { resumeByHand } from './resume-by-hand.js'
import { row } from './row.js'
import { interleave, stopwatch } from './statistics.js'

/** RAM of the machine that is forked. */
export const FORKED_MEMORY = '512MiB'

/** What a machine at work has written to since it was resumed: pages that no file holds yet. */
const WRITTEN_MIB = 64
const WORK = `mkdir -p /dev/shm && yes | head -c ${WRITTEN_MIB * 1024 ** 2} > /dev/shm/work`

/** @param {string} name */
export const forkRowNames = (name) => ({
  pause: `${name}: fork of a ${FORKED_MEMORY} Vm, pause of the parent`,
  child: `${name}: fork of a ${FORKED_MEMORY} Vm, to the child's first exec`,
})

/**
 * A machine that has worked is frozen, for the pause alone, and then forked, for the child.
 * @param {import('./guest.js').BenchGuest} guest with FORKED_MEMORY
 * @param {import('./main.js').Bench} bench
 */
export async function benchFork(guest, { repeat, progress, breakdown }) {
  const names = forkRowNames(guest.name)
  progress(names.child)
  /** @type {import('./breakdown.js').Stages[]} */
  const stages = []
  /** @type {number[]} */
  const pause = []
  const fork = () =>
    withClone(guest, async (vm) => {
      await vm.succeed(WORK)
      const checkpoint = await vm.checkpoint('bench')
      pause.push(checkpoint.pauseMs)
      await checkpoint[Symbol.asyncDispose]()
      const started = performance.now()
      const [child] = await vm.fork(1)
      if (!child) throw new Error('no child')
      try {
        const execMs = await stopwatch(() => child.succeed('test -s /dev/shm/work'))
        const ms = performance.now() - started
        stages.push(stagesOf(ms, child.timings, execMs))
        return ms
      } finally {
        await child.destroy()
      }
    })
  const contestants = {
    child: fork,
    clone: async () => (await floorClone(guest)).ms,
    'pause by hand': () => pauseByHand(guest),
  }
  const samples = await interleave(Math.max(3, repeat), contestants, progress)
  breakdown(guest.name, `fork of ${FORKED_MEMORY}`, stages)
  return [
    row({
      name: names.pause,
      unit: 'ms',
      value: pause,
      floor: samples['pause by hand'],
      target: 'value <= 120',
      note: `stop, devices' state, cont by hand; ${WRITTEN_MIB} MiB were written to`,
    }),
    row({
      name: names.child,
      unit: 'ms',
      value: samples.child,
      floor: samples.clone,
      target: 'value <= 700',
      note: 'a clone by hand',
    }),
  ]
}

/**
 * The least that a machine must stand still for: its devices are saved, its memory and its disk are not.
 * @param {import('./guest.js').BenchGuest} guest
 */
async function pauseByHand(guest) {
  const { qemu, directory, end } = await resumeByHand(guest)
  try {
    return await stopwatch(() =>
      Promise.all([
        qemu.qmp('stop'),
        qemu.qmp('xen-save-devices-state', { filename: join(directory, 'devices'), live: false }),
        qemu.qmp('cont'),
      ]),
    )
  } finally {
    await end()
  }
}
