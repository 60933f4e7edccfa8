import { findMachine } from '../machines/find.js'
import type { LockedOptions } from '../machines/lock.js'
import type { Machine } from '../machines/record.js'
import {
  createSnapshot,
  listSnapshots,
  type MachineSnapshot,
  removeSnapshot,
  restoreSnapshot,
} from '../machines/snapshots.js'
import { Date } from '../node-globals.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { ago } from './ago.js'
import { shownProgress } from './shown-progress.js'
import { print, printJson } from './streams.js'
import { table } from './table.js'

interface SnapshotOptions {
  json?: boolean
}

type Work = (machine: Machine, name: string, options: LockedOptions) => Promise<MachineSnapshot>
type Action = (context: ActionContext, options: SnapshotOptions, args: string[]) => Promise<number>

/** `mayfly snapshot create` */
export const create: Action = doing('snapshot', createSnapshot, (machine, { name, memoryBytes }) => {
  return `${machine} has a snapshot ${name}${memoryBytes === 0 ? ' of its disk' : ''}`
})
/** `mayfly snapshot restore` */
export const restore: Action = doing(
  'restore',
  restoreSnapshot,
  (machine, { name }) => `${machine} is as it was at ${name}`,
)
/** `mayfly snapshot rm` */
export const rm: Action = doing('remove', removeSnapshot, (machine, { name }) => `removed ${name} of ${machine}`)

function doing(verb: string, work: Work, said: (machine: string, snapshot: MachineSnapshot) => string): Action {
  return async ({ signal }, { json }, [typed = '', name = '']) => {
    const progress = shownProgress()
    const machine = await findMachine(typed)
    const onWait = () => progress.note(`another command is at work on ${machine.name}; waiting for it`)
    const snapshot = await progress.step(`${verb} ${machine.name} ${name}`, () =>
      work(machine, name, { signal, onWait }),
    )
    if (json) await printJson({ machine: machine.name, ...snapshot })
    else await print(said(machine.name, snapshot))
    return 0
  }
}

/** `mayfly snapshot ls` */
export async function ls(_: ActionContext, { json }: SnapshotOptions, [typed = '']: string[]): Promise<number> {
  const machine = await findMachine(typed)
  const snapshots = await listSnapshots(machine)
  if (json) await printJson(snapshots)
  else if (snapshots.length === 0) await print(`${machine.name} has no snapshots`)
  else {
    const rows = snapshots.map(({ name, createdAt, memoryBytes }) => [
      name,
      ago(new Date(createdAt)),
      memoryBytes === 0 ? 'disk' : `disk and ${formatBytes(memoryBytes)} of memory`,
    ])
    await print(table([['NAME', 'MADE', 'HOLDS'], ...rows]))
  }
  return 0
}
