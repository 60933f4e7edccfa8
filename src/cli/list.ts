import { join } from 'node:path'
import { openStore } from '../image/store.js'
import { dataDirectory } from '../machines/data-directory.js'
import { listMachines } from '../machines/find.js'
import { listSessionsAndVms } from '../session/list.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { ago } from './ago.js'
import { factsOf, factsOfVm, type MachineFacts } from './machine-facts.js'
import { print, printJson } from './streams.js'
import { style } from './style.js'
import { table } from './table.js'

export interface ListOptions {
  quiet?: boolean
  json?: boolean
}

/** `mayfly list` */
export async function list({ cacheDir }: ActionContext, { quiet, json }: ListOptions): Promise<number> {
  const [own, tests] = await Promise.all([ownMachines(), testMachines(cacheDir)])
  const all = [...own, ...tests]
  if (json) await printJson(all)
  else if (quiet) for (const { name } of own) await print(name)
  else await print(render(all))
  return 0
}

async function ownMachines(): Promise<MachineFacts[]> {
  const data = dataDirectory()
  const { machines, damaged } = await listMachines(data)
  const facts = await Promise.all(machines.map((machine) => factsOf(machine)))
  const others = damaged.map(({ name, error }): MachineFacts => {
    return { name, state: 'damaged', note: error.shortMessage, directory: join(data.machines, name) }
  })
  // A locale's own order would cost its tables, a tenth of the command's time.
  return [...facts, ...others].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Those of running tests. */
async function testMachines(cacheDir: string): Promise<MachineFacts[]> {
  const sessions = await listSessionsAndVms(await openStore(cacheDir))
  return sessions.filter(({ alive }) => alive).flatMap((session) => session.vms.map((vm) => factsOfVm(vm, session)))
}

const COLOURS = { running: 'green', starting: 'yellow', suspended: 'yellow', stopped: 'dim', damaged: 'red' } as const
const HEADER = ['NAME', 'STATE', 'IMAGE', 'CPUS', 'MEMORY', 'NETWORK', 'PID', 'SSH', 'SINCE', 'NOTE']

function render(all: readonly MachineFacts[]): string {
  if (all.length === 0) return 'There are no machines; mayfly create makes one.'
  const rows = all.map(({ name, state, note, image, cpus, memoryBytes, network, pid, ssh, session, ...facts }) => {
    const since = state === 'stopped' ? facts.endedAt : facts.startedAt
    return [
      name,
      style(COLOURS[state], state),
      image ?? '-',
      `${cpus ?? '-'}`,
      memoryBytes === undefined ? '-' : formatBytes(memoryBytes),
      network ?? '-',
      `${pid ?? '-'}`,
      ssh ? `${ssh.host}:${ssh.port}` : '-',
      since ? ago(new Date(since)) : '-',
      session ? `test process ${session.pid}` : (note ?? ''),
    ]
  })
  return table([HEADER, ...rows])
}
