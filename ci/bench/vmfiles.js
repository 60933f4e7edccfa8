// @ts-check
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseVmFile } from '../../dist/vmfile/parse.js'
import { row } from './row.js'
import { stopwatch } from './statistics.js'

const EXAMPLE = join(import.meta.dirname, '../../fixtures/vmfiles/vmctl/webserver.kdl')
const MACHINES = 100
/** Until the compiler has seen enough of it. */
const WARM_UP = 8

export const parseRowName = `VMFile: parse ${MACHINES} machines`

/**
 * A VMFile with many machines, read and checked, when the KDL parser has been loaded.
 * @param {import('./main.js').Bench} bench
 */
export async function benchParse({ repeat, progress }) {
  progress(parseRowName)
  const example = await readFile(EXAMPLE, 'utf8')
  const numbers = Array.from({ length: MACHINES }, (_, index) => index)
  const text = numbers.map((number) => example.replace('"webserver"', `"web-${number}"`)).join('\n')
  const parse = () => parseVmFile(text, { path: 'VMFile.kdl' })
  const loaded = await stopwatch(async () => void parseVmFile(example, { path: 'VMFile.kdl' }))
  /** @type {number[]} */
  const times = []
  while (times.length < WARM_UP + Math.max(7, repeat)) {
    times.push(
      await stopwatch(async () => {
        if (parse().length !== MACHINES) throw new Error('not all machines were read')
      }),
    )
  }
  const value = times.slice(WARM_UP)
  const note = `the first: ${times[0]?.toFixed(0)} ms; loading the parser: ${loaded.toFixed(0)} ms`
  return [row({ name: parseRowName, unit: 'ms', value, target: 'value <= 50', note })]
}
