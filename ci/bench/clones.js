// @ts-check
import { rm } from 'node:fs/promises'
import { launch } from 'mayfly'
import { coldBoot } from '../../dist/snapshot/cold-boot.js'
import { exec } from '../../dist/ssh/exec.js'
import { floorClone } from './floor-clone.js'
import { row } from './row.js'
import { saveGuest } from './savevm.js'
import { interleave, median, stopwatch } from './statistics.js'

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
  /** @type {{ ours: Record<string, number>[], floor: Record<string, number>[] }} */
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
    /** @type {Record<string, number[]>} */
    const samples = Object.fromEntries([...Object.keys(contestants), 'loadvm', '-loadvm'].map((key) => [key, []]))
    // A cold boot takes as long as all else in a round, so every third round has one.
    for (let round = 0; round < repeat; round++) {
      if (coldWanted && round % 3 === 0) {
        const boot = await ourColdBoot(guest)
        cold.push(boot.ms)
        toldByGuest.push(boot.guestMs)
        progress(`  cold boot ${boot.ms.toFixed(0)} ms, of which the guest saw ${boot.guestMs.toFixed(0)} ms`)
      }
      const one = await interleave(1, contestants, (text) =>
        progress(`${name} ${text.trim().replace('1/1', `${round + 1}/${repeat}`)}`),
      )
      for (const [key, [ms]] of Object.entries(one)) if (ms !== undefined) samples[key]?.push(ms)
    }
    const { clone = [], floor = [], loadvm = [], '-loadvm': loadvmNew = [] } = samples
    breakdown(name, stageTable(stages))
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

/** @param {import('./guest.js').BenchGuest} guest */
async function ourClone({ guest }) {
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
 * From spawning QEMU to the first command's result, on the path that seals; and what is the guest's own share of it:
 * the moment its SSH server was started, on the kernel's clock. Firmware, loading the kernel, the handshake and the
 * command are what is left.
 * @param {import('./guest.js').BenchGuest} guest
 */
async function ourColdBoot({ guest, prepared: { harness, image }, makeDirectory }) {
  const directory = await makeDirectory()
  /** @type {import('../../dist/snapshot/cold-boot.js').Booted | undefined} */
  let booted
  try {
    booted = await coldBoot({ harness, guest, image, directory })
    const { stdout } = await exec(booted.ssh, SERVER_STARTED)
    const guestMs = Number(stdout) * 1000
    if (!(guestMs > 0)) throw new Error(`the guest does not say when its SSH server started: ${stdout}`)
    return { ms: booted.bootMs, guestMs }
  } finally {
    await booted?.[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Seconds. systemd says when the unit was active; elsewhere field 22 of the daemon's stat is its start in 1/100 s. */
const SERVER_STARTED = `if command -v systemctl >/dev/null
then systemctl show ssh.service -p ActiveEnterTimestampMonotonic --value | awk '{ print $1 / 1000000 }'
else awk '{ print $22 / 100 }' "/proc/$(pidof dropbear | tr ' ' '\\n' | sort -n | head -n 1)/stat"
fi`

/**
 * Medians of where the time of a clone goes, ours beside the floor's.
 * @param {{ ours: readonly Record<string, number>[], floor: readonly Record<string, number>[] }} stages
 */
function stageTable({ ours, floor }) {
  /** @param {readonly Record<string, number>[]} list @param {string} stage */
  const cell = (list, stage) =>
    list[0]?.[stage] === undefined ? '-' : median(list.map((one) => one[stage] ?? 0)).toFixed(0)
  const names = Object.keys(ours[0] ?? {})
  return [
    ['stage of a clone', 'ours, ms', 'floor, ms'],
    ...names.map((stage) => [stage, cell(ours, stage), cell(floor, stage)]),
  ]
}
