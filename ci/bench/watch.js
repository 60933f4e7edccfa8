// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { row } from './row.js'
import { interleave } from './statistics.js'

const ROOT = join(import.meta.dirname, '../..')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const TEST = 'a.suite.js'
/** Between a rerun and the next save: nobody saves faster, and the next machine is made meanwhile. */
const PAUSE_MS = 2500

export const watchRowName = 'micro: watch mode, a saved test file reruns'

const SUITES = {
  micro: `
import { guestTest } from 'mayfly/vitest'
import { expect } from 'vitest'
const test = guestTest('micro')
test('runs a command', async ({ vm }) => expect(await vm.succeed('echo hi')).toBe('hi\\n'))
`,
  empty: `
import { test } from 'vitest'
test('does nothing', () => {})
`,
}

/**
 * From the moment that a test file is written to vitest's word that it waits for the next change.
 * @param {import('./main.js').Bench} bench
 */
export async function benchWatch({ repeat, progress }) {
  progress('reruns of a saved test file')
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))
  /** @type {Watch[]} */
  const watches = []
  try {
    for (const [name, suite] of Object.entries(SUITES)) watches.push(await watch(join(directory, name), suite))
    const [micro, empty] = watches
    // The first rerun starts with what the first run has left to be made.
    await micro?.rerun()
    const rerun = (/** @type {Watch | undefined} */ of) => async () => (await of?.rerun()) ?? 0
    const samples = await interleave(Math.max(7, repeat), { micro: rerun(micro), empty: rerun(empty) }, progress)
    const floor = { floor: samples.empty, note: 'the same with an empty test' }
    return [row({ name: watchRowName, unit: 'ms', value: samples.micro, target: 'value <= 1000', ...floor })]
  } finally {
    for (const { end } of watches) await end()
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** @typedef {{ rerun(): Promise<number>, end(): Promise<void> }} Watch */

/**
 * A project in which vitest waits for changes, with Mayfly installed as a user has it: in `node_modules`, of which vitest looks into nothing.
 * @param {string} directory
 * @param {string} suite
 * @returns {Promise<Watch>}
 */
async function watch(directory, suite) {
  const installed = join(directory, 'node_modules/mayfly')
  await mkdir(installed, { recursive: true })
  for (const part of ['package.json', 'dist', 'fixtures/guests']) {
    await cp(join(ROOT, part), join(installed, part), { recursive: true })
  }
  await symlink(join(ROOT, 'node_modules'), join(installed, 'node_modules'))
  await symlink(join(ROOT, 'node_modules/vitest'), join(directory, 'node_modules/vitest'))
  await writeFile(join(directory, 'vitest.config.js'), `export default { test: { include: ['${TEST}'] } }`)
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }')
  await writeFile(join(directory, TEST), suite)
  const vitest = spawn(process.execPath, [VITEST, '--watch'], { cwd: directory, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(vitest, 'close')
  let text = ''
  let look = () => {}
  vitest.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
    look()
  })
  const ran = async () => {
    /** @type {Promise<void>} */
    const waits = new Promise((resolve) => {
      look = () => /(Waiting|Watching) for file changes/.test(text) && resolve()
      look()
    })
    await Promise.race([waits, ended])
    const output = text
    text = ''
    if (vitest.exitCode !== null || /failed|FAIL/.test(output)) throw new Error(output)
  }
  await ran()
  return {
    async rerun() {
      await delay(PAUSE_MS)
      const started = performance.now()
      await appendFile(join(directory, TEST), '\n')
      await ran()
      return performance.now() - started
    },
    async end() {
      vitest.kill()
      await ended
    },
  }
}
