// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { defineGuest } from '../../dist/guest/spec.js'
import { processStartTime } from '../../dist/host/process-table.js'
import { openMonitor } from '../../dist/machines/monitor.js'
import { RECORD_FORMAT, writeRecord } from '../../dist/machines/record.js'
import { row } from './row.js'
import { interleave, stopwatch } from './statistics.js'

const ROOT = join(import.meta.dirname, '../..')
const MACHINES = 50
/** QEMUs that answer, as those of machines do, and run no guest: a list asks nothing of a guest. */
const LIVE = 5

export const listRowName = `mayfly list, ${MACHINES} machines`

/**
 * The command from its start to its end, with machines that are off and some that run.
 * @param {import('./main.js').Bench} bench
 */
export async function benchList({ repeat, progress }) {
  progress(listRowName)
  const data = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))
  const env = { XDG_DATA_HOME: data, MAYFLY_CACHE_DIR: join(data, 'cache') }
  /** @type {import('node:child_process').ChildProcess[]} */
  const live = []
  try {
    for (let number = 0; number < MACHINES; number++) {
      const directory = join(data, 'mayfly/machines', `machine-${number}`)
      await mkdir(directory, { recursive: true, mode: 0o700 })
      if (number >= LIVE) await writeRecord(directory, record(number, directory, process.pid, 1))
      else {
        const pid = await startQemu(directory, live)
        await writeRecord(directory, record(number, directory, pid, processStartTime(pid) ?? 0))
      }
    }
    const node = (/** @type {string[]} */ args) => execa(process.execPath, args, { cwd: ROOT, env })
    const list = () => node(['dist/cli/main.js', 'list', '--json'])
    const states = JSON.parse((await list()).stdout).map((/** @type {{ state: string }} */ { state }) => state)
    if (
      states.filter((/** @type {string} */ state) => state === 'running').length !== LIVE ||
      states.length !== MACHINES
    )
      throw new Error(`the list is not right: ${states}`)
    const samples = await interleave(
      Math.max(5, repeat),
      { list: () => stopwatch(list), node: () => stopwatch(() => node(['-e', '0'])) },
      progress,
    )
    const floor = { floor: samples.node, note: 'node -e 0' }
    return [row({ name: listRowName, unit: 'ms', value: samples.list, target: 'value <= 200', ...floor })]
  } finally {
    for (const child of live) {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    await rm(data, { recursive: true, force: true })
  }
}

/**
 * @param {string} directory
 * @param {import('node:child_process').ChildProcess[]} live
 */
async function startQemu(directory, live) {
  const sockets = ['qmp', 'status'].flatMap((name) => ['-qmp', `unix:${name}.sock,server=on,wait=off`])
  const argv = ['-machine', 'none', '-nodefaults', '-display', 'none', ...sockets]
  const child = spawn('qemu-system-x86_64', argv, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
  live.push(child)
  const monitor = await openMonitor(
    { startedAt: '', sockets: directory, card: { mode: 'user' } },
    'status',
    AbortSignal.timeout(10_000),
  )
  await monitor[Symbol.asyncDispose]()
  return child.pid ?? 0
}

/**
 * @param {number} number
 * @param {string} directory
 * @param {number} pid
 * @param {number} startTime
 * @returns {import('../../dist/machines/record.js').MachineRecord}
 */
function record(number, directory, pid, startTime) {
  const startedAt = new Date().toISOString()
  return {
    format: RECORD_FORMAT,
    name: `machine-${number}`,
    createdAt: startedAt,
    guest: defineGuest({ name: `machine-${number}`, image: 'micro' }),
    image: /** @type {any} */ ({ name: 'micro', digest: 'sha256:0', dir: '/nowhere' }),
    cacheDir: directory,
    machineType: 'q35',
    hostKey: 'ssh-ed25519 A',
    agent: true,
    starts: 1,
    run: {
      startedAt,
      sockets: directory,
      card: { mode: 'user' },
      process: { pid, startTime },
      ssh: { host: '127.0.0.1', port: 1 },
      readyAt: startedAt,
    },
  }
}
