// @ts-check
import { launch } from 'mayfly'
import { median, stopwatch } from './statistics.js'

/**
 * What a user writes: `launch`, then a command; and where the time went.
 * @param {import('./guest.js').BenchGuest} guest
 */
export async function ourClone({ guest }) {
  /** @type {import('mayfly').Vm | undefined} */
  let vm
  let execMs = 0
  const ms = await stopwatch(async () => {
    vm = await launch(guest)
    const launched = vm
    execMs = await stopwatch(() => launched.succeed('true'))
  })
  const { prepare = 0, spawn = 0, load = 0, connect = 0, fixup = 0 } = vm?.timings ?? {}
  await vm?.destroy()
  const rest = ms - prepare - spawn - load - Math.max(connect, fixup) - execMs
  const stages = {
    prepare,
    'spawn to QMP greeting': spawn,
    'load and cont': load,
    'connect and handshake': connect,
    'fix-up (beside connect)': fixup,
    'first exec': execMs,
    'all else': rest,
  }
  return { ms, stages }
}

/**
 * Medians of where the time of a clone goes, ours beside the floor's.
 * @param {{ ours: readonly Record<string, number>[], floor: readonly Record<string, number>[] }} stages
 */
export function stageTable({ ours, floor }) {
  /** @param {readonly Record<string, number>[]} list @param {string} stage */
  const cell = (list, stage) =>
    list[0]?.[stage] === undefined ? '-' : median(list.map((one) => one[stage] ?? 0)).toFixed(0)
  const names = Object.keys(ours[0] ?? {})
  return [
    ['stage of a clone', 'ours, ms', 'floor, ms'],
    ...names.map((stage) => [stage, cell(ours, stage), cell(floor, stage)]),
  ]
}
