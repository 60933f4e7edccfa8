// @ts-check
import { floorClone } from './floor-clone.js'
import { ourClone } from './our-clone.js'
import { ourColdBoot } from './our-cold-boot.js'
import { row } from './row.js'
import { saveGuest } from './savevm.js'
import { interleave, median } from './statistics.js'

/** Targets by guest. */
const TARGETS = {
  micro: { clone: 'ratio <= 1.25', cold: undefined, coldByClone: 'ratio >= 8', savevmByClone: 'ratio >= 1.5' },
  debian: { clone: undefined, cold: 'value <= 15', coldByClone: 'ratio >= 12', savevmByClone: 'ratio >= 1.5' },
}

/** @param {'micro' | 'debian'} name */
export const cloneRowNames = (name) => ({
  clone: `${name}: clone to first exec result, no pool`,
  cold: `${name}: cold boot to first SSH result`,
  coldByClone: `${name}: cold boot / clone`,
  savevmByClone: `${name}: QEMU savevm/loadvm / clone`,
})

/**
 * Everything that is compared with a clone, in one run: the floor, a cold boot, QEMU's own snapshots in both ways.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchClones(guest, { repeat, progress, wants, breakdown }) {
  const name = /** @type {'micro' | 'debian'} */ (guest.name)
  const names = cloneRowNames(name)
  const targets = TARGETS[name]
  /** @type {{ ours: import('./breakdown.js').Stages[], floor: import('./breakdown.js').Stages[] }} */
  const stages = { ours: [], floor: [] }
  const ours = async () => {
    const clone = await ourClone(guest)
    stages.ours.push(clone.stages)
    return clone.ms
  }
  const byHand = async () => {
    const clone = await floorClone(guest)
    stages.floor.push(clone.stages)
    return clone.ms
  }
  const wantsSavevm = wants(names.savevmByClone)
  if (wantsSavevm) progress(`${name}: booting a guest by hand for QEMU's savevm`)
  const saved = wantsSavevm ? await saveGuest(guest) : undefined
  const coldWanted = wants(names.cold) || wants(names.coldByClone)
  /** @type {number[]} */
  const cold = []
  /** @type {number[]} */
  const toldByGuest = []
  try {
    await ours()
    stages.ours.length = 0
    /** @type {Record<string, () => Promise<number>>} */
    const contestants = {
      clone: ours,
      floor: byHand,
      ...(saved ? { loadvm: saved.sameProcess, '-loadvm': saved.newProcess } : {}),
    }
    progress(`${name}: clones`)
    const samples = await interleave(repeat, contestants, progress, async (round) => {
      // A cold boot takes longer than all else in a round, so every third round has one.
      if (!coldWanted || round % 3 !== 1) return
      const boot = await ourColdBoot(guest)
      cold.push(boot.ms)
      toldByGuest.push(boot.guestMs)
      progress(`  cold boot ${boot.ms.toFixed(0)} ms, of which the guest saw ${boot.guestMs.toFixed(0)} ms`)
    })
    const { clone = [], floor = [], loadvm = [], '-loadvm': loadvmNew = [] } = samples
    breakdown(name, 'clone', stages.ours)
    breakdown(name, 'clone by hand', stages.floor)
    const rows = [
      row({
        name: names.clone,
        unit: 'ms',
        value: clone,
        floor,
        target: targets.clone,
        note: 'spawn + load + handshake + exec by hand',
      }),
    ]
    if (coldWanted) {
      const seconds = (/** @type {number[]} */ list) => list.map((ms) => ms / 1000)
      rows.push(
        row({
          name: names.cold,
          unit: 's',
          value: seconds(cold),
          floor: seconds(toldByGuest),
          target: targets.cold,
          note: "kernel's start to SSH server's, as the guest tells",
        }),
        row({
          name: names.coldByClone,
          unit: 'ms',
          value: cold,
          floor: clone,
          target: targets.coldByClone,
          note: 'the clone',
        }),
      )
    }
    if (saved) {
      // The competitor is the faster of its two ways.
      const same = median(loadvm) <= median(loadvmNew)
      rows.push(
        row({
          name: names.savevmByClone,
          unit: 'ms',
          value: same ? loadvm : loadvmNew,
          floor: clone,
          target: targets.savevmByClone,
          note: `the clone; faster way: ${same ? 'same process' : 'new process'} (other: ${median(same ? loadvmNew : loadvm).toFixed(0)} ms)`,
        }),
      )
    }
    return rows
  } finally {
    await saved?.end()
  }
}
