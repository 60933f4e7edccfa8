// @ts-check
import { launch } from 'mayfly'
import { proportionalMiBOf } from './pss.js'
import { row } from './row.js'

const COUNT = 20

/** Machines that the host has no room for are waited for, and none of these ends. */
const PATIENCE_MS = 120_000

/** @param {string} name */
export const crowdRowName = (name) => `${name}: memory of ${COUNT} clones at once (PSS)`

/**
 * Started one after the other, each has run a command, and all live.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchCrowd({ name, guest }, { repeat, progress }) {
  progress(crowdRowName(name))
  /** @type {number[]} */
  const value = []
  for (let round = 0; round < Math.max(1, Math.floor(repeat / 3)); round++) value.push(await crowd(guest))
  const floor = [(COUNT * guest.memoryBytes) / 1024 ** 2]
  return [
    row({ name: crowdRowName(name), unit: 'MiB', value, floor, target: 'ratio <= 0.35', note: "the guests' RAM" }),
  ]
}

/** @param {import('mayfly').Guest} guest */
async function crowd(guest) {
  /** @type {import('mayfly').Vm[]} */
  const vms = []
  try {
    while (vms.length < COUNT) {
      const vm = await launch(guest, { signal: AbortSignal.timeout(PATIENCE_MS) })
      vms.push(vm)
      await vm.succeed('true')
    }
    const shares = await Promise.all(vms.map(proportionalMiBOf))
    return shares.reduce((sum, share) => sum + share, 0)
  } finally {
    await Promise.all(vms.map((vm) => vm.destroy()))
  }
}
