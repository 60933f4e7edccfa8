// @ts-check
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { Breakdowns } from './breakdown.js'
import { groupsOf } from './groups.js'
import { closeGuests } from './guest.js'
import { reportTable } from './table.js'

/**
 * @typedef {object} Bench
 * @property {number} repeat
 * @property {(text: string) => void} progress
 * @property {(rowName: string) => boolean} wants
 * @property {(guestName: string, way: string, samples: readonly import('./breakdown.js').Stages[]) => void} breakdown
 *   where the time goes in one way of getting a machine
 */

const USAGE = `Usage: npm run bench -- [--json] [--only <text>] [--repeat <n>]
  --json      one array of { name, unit, value, floor, ratio, target, met } on stdout, and nothing else there
  --only      only rows whose name contains the text, such as 'micro: clone' or 'upload'
  --repeat    rounds of the clone rows (default 7); the others scale with it, those of pooled machines from 20 on`

const options = readOptions()
const { repeat } = options

const breakdowns = new Breakdowns()
/** @type {Bench} */
const bench = {
  repeat,
  progress: (text) => process.stderr.write(`${text}\n`),
  wants: (rowName) => rowName.toLowerCase().includes(options.only.toLowerCase()),
  breakdown: (...of) => breakdowns.add(...of),
}

const groups = groupsOf(bench).filter(({ names }) => names.some(bench.wants))
if (groups.length === 0) {
  console.error(`no row's name contains '${options.only}'`)
  process.exit(2)
}
try {
  const rows = []
  for (const { run } of groups) rows.push(...(await run()).filter(({ name }) => bench.wants(name)))
  const load = `load average: ${loadavg()
    .map((value) => value.toFixed(1))
    .join(' ')}`
  if (options.json) {
    for (const text of breakdowns.texts()) bench.progress(`\n${text}`)
    bench.progress(`\n${load}`)
    console.log(JSON.stringify(rows.map(publicRow), null, 2))
  } else {
    console.log([reportTable(rows), ...breakdowns.texts(), load].join('\n\n'))
  }
} finally {
  await closeGuests()
}

/** @param {import('./row.js').ReportedRow} row */
function publicRow({ name, unit, value, floor, ratio, target, met }) {
  return { name, unit, value, floor, ratio, target, met }
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        repeat: { type: 'string', default: '7' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const rounds = Number(values.repeat)
    if (!Number.isInteger(rounds) || rounds < 1)
      throw new Error(`--repeat takes a number of rounds, not '${values.repeat}'`)
    if (!values.help) return { ...values, repeat: rounds }
    console.log(USAGE)
    process.exit(0)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
    process.exit(2)
  }
}
