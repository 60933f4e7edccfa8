// @ts-check
import { join } from 'node:path'
import { execa } from 'execa'
import { row } from './row.js'
import { interleave, stopwatch } from './statistics.js'

const ROOT = join(import.meta.dirname, '../..')

export const startUpRowNames = { import: "import 'mayfly'", help: 'mayfly --help' }

/** Prints what the import alone took, in ms. */
const IMPORT = "const started = performance.now(); await import('mayfly'); console.log(performance.now() - started)"

/** @param {import('./main.js').Bench} bench */
export async function benchStartUp({ repeat, progress }) {
  progress('start-up of the library and of the command')
  const node = (/** @type {string[]} */ args) => execa(process.execPath, args, { cwd: ROOT })
  const bare = () => stopwatch(() => node(['-e', '0']))
  const help = () => stopwatch(() => node(['dist/cli/main.js', '--help']))
  const importing = async () => Number((await node(['--input-type=module', '-e', IMPORT])).stdout)
  // Once beforehand, so that all of it comes from the page cache.
  await help()
  await importing()
  const samples = await interleave(Math.max(3, repeat), { import: importing, help, node: bare }, progress)
  const floor = { floor: samples.node, note: 'node -e 0' }
  return [
    row({ name: startUpRowNames.import, unit: 'ms', value: samples.import, target: 'value <= 80', ...floor }),
    row({ name: startUpRowNames.help, unit: 'ms', value: samples.help, target: 'value <= 150', ...floor }),
  ]
}
