// @ts-check
import { floorPooled } from './floor-pooled.js'
import { ourColdBoot } from './our-cold-boot.js'
import { measuredPool } from './our-pooled.js'
import { row } from './row.js'
import { saveGuest } from './savevm.js'
import { interleave, median } from './statistics.js'

/** Targets by guest. */
const TARGETS = {
  micro: { p50: 'value <= 60', p95: 'value <= 120', cold: undefined, loadvm: 'ratio >= 12' },
  debian: { p50: 'value <= 80', p95: 'value <= 200', cold: 'ratio >= 150', loadvm: 'ratio >= 20' },
}

/** Enough for a 95th percentile that is not the worst of all. */
const LEAST_ROUNDS = 20
const ROUNDS_PER_REPEAT = 3
/** What takes longer than all else in a round comes in every so manieth. */
const EVERY = { loadvm: 4, cold: 7 }

/** @param {'micro' | 'debian'} name */
export const pooledRowNames = (name) => ({
  p50: `${name}: pooled, request to first exec result, p50`,
  p95: `${name}: pooled, request to first exec result, p95`,
  alone: `${name}: pooled, the same with no refill beside it, p50`,
  cold: `${name}: cold boot / pooled`,
  loadvm: `${name}: QEMU loadvm / pooled`,
})

/**
 * Everything that is compared with a pooled machine, in one run: the floor, a cold boot, QEMU's own loadvm in a process
 * that runs. Each request is made when a machine is ready; the rows with targets are those with the refill beside them.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchPooled(guest, { repeat, progress, wants, breakdown }) {
  const name = /** @type {'micro' | 'debian'} */ (guest.name)
  const names = pooledRowNames(name)
  const targets = TARGETS[name]
  /** @type {{ refilling: import('./our-pooled.js').Pooled[], alone: import('./our-pooled.js').Pooled[] }} */
  const pooled = { refilling: [], alone: [] }
  /** @type {import('./breakdown.js').Stages[]} */
  const byHand = []
  /** @type {{ loadvm: number[], cold: number[] }} */
  const others = { loadvm: [], cold: [] }
  if (wants(names.loadvm)) progress(`${name}: booting a guest by hand for QEMU's loadvm`)
  const saved = wants(names.loadvm) ? await saveGuest(guest) : undefined
  /** @type {import('./our-pooled.js').MeasuredPool | undefined} */
  let pool
  try {
    pool = await measuredPool(guest)
    const { refilling, alone } = pool
    await refilling()
    progress(`${name}: pooled machines`)
    const contestants = {
      pooled: async () => msOf(pooled.refilling, await refilling()),
      'with no refill': async () => msOf(pooled.alone, await alone()),
      floor: async () => {
        const { ms, stages } = await floorPooled(guest)
        byHand.push(stages)
        return ms
      },
    }
    const rounds = Math.max(LEAST_ROUNDS, ROUNDS_PER_REPEAT * repeat)
    const samples = await interleave(rounds, contestants, progress, async (round) => {
      if (saved && round % EVERY.loadvm === 1) others.loadvm.push(await saved.sameProcess())
      if (wants(names.cold) && round % EVERY.cold === 1) others.cold.push((await ourColdBoot(guest)).ms)
    })
    breakdown(
      name,
      'pooled',
      pooled.refilling.map(({ stages }) => stages),
    )
    breakdown(
      name,
      'pooled, no refill',
      pooled.alone.map(({ stages }) => stages),
    )
    breakdown(name, 'pooled by hand', byHand)
    const note = 'cont + exec by hand'
    const common = { unit: /** @type {const} */ ('ms'), floor: samples.floor, note }
    const rows = [
      row({ ...common, name: names.p50, value: samples.pooled, target: targets.p50 }),
      row({ ...common, name: names.p95, value: samples.pooled, target: targets.p95, share: 0.95 }),
      row({ ...common, name: names.alone, value: samples['with no refill'] }),
    ]
    const handOutMs = median(pooled.refilling.map((one) => one.handOutMs))
    for (const other of /** @type {const} */ (['cold', 'loadvm'])) {
      const value = others[other]
      if (value.length === 0) continue
      const alone = `${handOutMs.toFixed(0)} ms without the exec: ${(median(value) / handOutMs).toFixed(0)} x`
      const against = { floor: samples.pooled, note: `pooled to first exec result (${alone})` }
      rows.push(row({ ...against, name: names[other], unit: 'ms', value, target: targets[other] }))
    }
    return rows
  } finally {
    await pool?.end()
    await saved?.end()
  }
}

/**
 * @param {import('./our-pooled.js').Pooled[]} kept
 * @param {import('./our-pooled.js').Pooled} sample
 */
function msOf(kept, sample) {
  kept.push(sample)
  return sample.ms
}
