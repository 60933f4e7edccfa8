// @ts-check
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { launch } from 'mayfly'
import { closeGuests } from './guest.js'
import { row } from './row.js'
import { median, stopwatch } from './statistics.js'
import { COMMAND, RECORDS_VARIABLE, TESTS } from './suite/measured-test.js'

const SUITE = join(import.meta.dirname, 'suite')
const VITEST = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs')

/** As many clones stand for the suite's without a pool. */
const FEWEST_CLONES = 10

export const suiteRowNames = {
  perTest: `micro: suite of ${TESTS} tests, each with a pristine Vm, per test`,
  waited: `micro: suite of ${TESTS} tests, a test's wait for its Vm`,
}

/**
 * A real run of vitest: what one test costs in all, from the first one's start to the last one's end; and how much of a
 * clone's time a test does not wait for.
 * @param {import('./main.js').Bench} bench
 */
export async function benchSuite({ repeat, progress }) {
  const clones = await launches(Math.max(FEWEST_CLONES, repeat), progress)
  // A pool shares the cores with the other sessions on this host: the suite's is to be the only one.
  await closeGuests()
  /** @type {number[]} */
  const perTest = []
  /** @type {import('./suite/measured-test.js').TestRecord[]} */
  const tests = []
  for (let round = 0; round < Math.max(1, Math.floor(repeat / 3)); round++) {
    progress(`a suite of ${TESTS} tests`)
    const run = await runSuite()
    progress(`  ${run.perTestMs.toFixed(0)} ms per test`)
    perTest.push(run.perTestMs)
    tests.push(...run.tests)
  }
  const waited = tests.map(({ waitedMs }) => waitedMs)
  const launched = clones.map(({ launchMs }) => launchMs)
  const hidden = 1 - median(waited) / median(launched)
  const pooled = tests.filter((test) => test.pooled).length / tests.length
  return [
    row({
      name: suiteRowNames.perTest,
      unit: 'ms',
      value: perTest,
      floor: clones.map(({ ms }) => ms),
      target: 'ratio <= 1.1',
      note: 'launch + command + destroy, no pool',
    }),
    row({
      name: suiteRowNames.waited,
      unit: 'ms',
      value: waited,
      floor: launched,
      note: `launch, no pool; hidden: ${percent(hidden)}; ready when asked for: ${percent(pooled)}`,
    }),
  ]
}

/**
 * The suite's tests without a pool, and without vitest.
 * @param {number} count
 * @param {(text: string) => void} progress
 */
async function launches(count, progress) {
  progress(`${count} clones without a pool`)
  const samples = []
  // The first one fills the caches.
  for (let index = 0; index <= count; index++) {
    let launchMs = 0
    const ms = await stopwatch(async () => {
      const started = performance.now()
      const vm = await launch('micro')
      launchMs = performance.now() - started
      await vm.succeed(COMMAND).finally(() => vm.destroy())
    })
    if (index > 0) samples.push({ ms, launchMs })
  }
  return samples
}

async function runSuite() {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))
  try {
    const records = join(directory, 'records')
    const outputFile = join(directory, 'report.json')
    const args = ['run', '--root', SUITE, '--reporter=json', `--outputFile=${outputFile}`]
    await execa(process.execPath, [VITEST, ...args], { env: { [RECORDS_VARIABLE]: records } })
    const { numPassedTests, testResults } = JSON.parse(await readFile(outputFile, 'utf8'))
    if (numPassedTests !== TESTS) throw new Error(`${numPassedTests} of ${TESTS} tests passed`)
    const [{ startTime, endTime }] = testResults
    const lines = (await readFile(records, 'utf8')).trimEnd().split('\n')
    /** @type {import('./suite/measured-test.js').TestRecord[]} */
    const tests = lines.map((line) => JSON.parse(line))
    return { perTestMs: (endTime - startTime) / TESTS, tests }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed(0)} %`
}
