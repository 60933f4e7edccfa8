import { join } from 'node:path'
import type { MayflyError } from '../errors.js'
import { openStore } from '../image/store.js'
import { dataDirectory } from '../machines/data-directory.js'
import { listMachines } from '../machines/find.js'
import type { Machine } from '../machines/record.js'
import { Date } from '../node-globals.js'
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
  const facts = await Promise.all(machines.map(factsOrDamage))
  const others = damaged.map(({ name, error }) => damageOf(name, join(data.machines, name), error))
  // A locale's own order would cost its tables, a tenth of the command's time.
  return [...facts, ...others].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** One that nothing can be said of does not keep the others from being listed. */
async function factsOrDamage(machine: Machine): Promise<MachineFacts> {
  try {
    return await factsOf(machine)
  } catch (error) {
    const why = whatIsWrong(machine, await import('../machines/record-schema.js'))
    if (why) return damageOf(machine.name, machine.directory, why)
    throw error
  }
}

function whatIsWrong(machine: Machine, { assertSound }: typeof import('../machines/record-schema.js')) {
  try {
    assertSound(machine)
    return undefined
  } catch (error) {
    return error as MayflyError
  }
}

function damageOf(name: string, directory: string, { shortMessage }: MayflyError): MachineFacts {
  return { name, state: 'damaged', note: shortMessage, directory }
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
      [session && `test process ${session.pid}`, state === 'damaged' || !session ? note : undefined]
        .filter(Boolean)
        .join(': '),
    ]
  })
  return table([HEADER, ...rows])
}
