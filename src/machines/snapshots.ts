import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { qemuImg } from '../image/overlay.js'
import { AbortSignal, Date } from '../node-globals.js'
import { nodeName } from '../qemu/argv.js'
import type { QmpClient } from '../qemu/qmp.js'
import { DISK, FILES } from '../snapshot/machine.js'
import { unknownName } from './find.js'
import { type LockedOptions, withMachine } from './lock.js'
import { lookAt } from './look.js'
import { openMonitor } from './monitor.js'
import { namesMeant } from './name.js'
import { setClock } from './pause.js'
import type { Machine } from './record.js'

/** A moment of a machine that is kept in its disk. */
export interface MachineSnapshot {
  name: string
  createdAt: string
  /** Of memory and devices; 0 of a snapshot of the disk alone, which was made while the machine was off. */
  memoryBytes: number
}

/** QEMU would take digits alone for the number that it has given to another one. */
const TAG = /^(?!\d+$)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/
const ANSWER_MS = 10_000
/** Memory goes to the disk, and comes back, at the speed of that. */
const JOB_MS = 10 * 60_000

/** Every snapshot of a machine, oldest first. */
export async function listSnapshots({ directory }: Pick<Machine, 'directory'>): Promise<MachineSnapshot[]> {
  const info = JSON.parse(await qemuImg(['info', '--force-share', '--output=json', join(directory, FILES.disk)])) as {
    snapshots?: { name: string; 'date-sec': number; 'date-nsec': number; 'vm-state-size': number }[]
  }
  return (info.snapshots ?? [])
    .map((snapshot) => ({
      name: snapshot.name,
      createdAt: new Date(snapshot['date-sec'] * 1000 + snapshot['date-nsec'] / 1e6).toISOString(),
      memoryBytes: snapshot['vm-state-size'],
    }))
    .sort((a, b) => a.createdAt.localeCompare(b.createdAt))
}

/**
 * Keeps this moment of a machine: disk, memory and devices while it runs, its disk when it is off.
 * @throws MayflyError MAYFLY_OPTION_INVALID when the name cannot be one or is taken, MAYFLY_QMP_COMMAND_FAILED, MAYFLY_BUILD_FAILED.
 */
export async function createSnapshot(
  machine: Machine,
  name: string,
  options: LockedOptions = {},
): Promise<MachineSnapshot> {
  if (!TAG.test(name)) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `not a name for a snapshot: ${JSON.stringify(name)}`, {
      hint: 'A name has up to 63 letters, digits, dots, dashes and underscores, begins with a letter or a digit, and is no number.',
    })
  }
  return await withMachine(machine, options, async (settled) => {
    if ((await listSnapshots(settled)).some((snapshot) => snapshot.name === name)) {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `${settled.name} has a snapshot ${name} already`, {
        hint: `Choose another name, or: mayfly snapshot rm ${settled.name} ${name}`,
      })
    }
    await changed(settled, {
      live: (qmp) => job(qmp, 'snapshot-save', { tag: name, vmstate: disk(settled), devices: [disk(settled)] }),
      off: (path) => qemuImg(['snapshot', '-c', name, path]),
    })
    return (await listSnapshots(settled)).find((snapshot) => snapshot.name === name)!
  })
}

/**
 * Puts a machine back to a snapshot: all of it while it runs, its disk when it is off. The snapshot stays.
 * @throws MayflyError MAYFLY_OPTION_INVALID for one that there is not, MAYFLY_VM_STATE for a running machine and a snapshot without memory.
 */
export function restoreSnapshot(
  machine: Machine,
  typed: string,
  options: LockedOptions = {},
): Promise<MachineSnapshot> {
  return withMachine(machine, options, async (settled) => {
    const snapshot = await meant(settled, typed)
    const { name } = snapshot
    await changed(settled, {
      live: async (qmp) => {
        if (snapshot.memoryBytes === 0) throw withoutMemory(settled, name)
        const { status } = await qmp.execute('query-status')
        await job(qmp, 'snapshot-load', { tag: name, vmstate: disk(settled), devices: [disk(settled)] })
        // It comes back as it was before the load: stopped, if a suspended machine is put back.
        if (status === 'running') await qmp.execute('cont').catch(() => {})
        if (status === 'running') await setClock(settled)
      },
      off: (path) => qemuImg(['snapshot', '-a', name, path]),
    })
    return snapshot
  })
}

/** @throws MayflyError MAYFLY_OPTION_INVALID for one that there is not. */
export function removeSnapshot(machine: Machine, typed: string, options: LockedOptions = {}): Promise<MachineSnapshot> {
  return withMachine(machine, options, async (settled) => {
    const snapshot = await meant(settled, typed)
    await changed(settled, {
      live: (qmp) => job(qmp, 'snapshot-delete', { tag: snapshot.name, devices: [disk(settled)] }),
      off: (path) => qemuImg(['snapshot', '-d', snapshot.name, path]),
    })
    return snapshot
  })
}

/** QEMU has the disk while it runs, and nobody else may write to it. */
async function changed(
  machine: Machine,
  how: { live: (qmp: QmpClient) => Promise<unknown>; off: (path: string) => Promise<unknown> },
): Promise<void> {
  if ((await lookAt(machine)).state === 'stopped') {
    await how.off(join(machine.directory, FILES.disk))
    return
  }
  await using monitor = await openMonitor(machine.record.run!, 'qmp', AbortSignal.timeout(ANSWER_MS))
  await how.live(monitor.qmp)
}

/** Starts a job, and waits for its end. */
async function job(
  qmp: QmpClient,
  command: 'snapshot-save' | 'snapshot-load' | 'snapshot-delete',
  args: { tag: string; devices: string[]; vmstate?: string },
): Promise<void> {
  // One of a command that was killed stays there until QEMU ends.
  const id = `mayfly-${randomBytes(4).toString('hex')}`
  const concluded = qmp.nextEvent(
    ({ event, data }) => event === 'JOB_STATUS_CHANGE' && data?.id === id && data.status === 'concluded',
    AbortSignal.timeout(JOB_MS),
  )
  const [{ error } = {}] = await Promise.all([concluded, qmp.execute(command, { 'job-id': id, ...args } as never)])
    .then(() => qmp.execute('query-jobs'))
    .then((jobs) => jobs.filter((one) => one.id === id))
  await qmp.execute('job-dismiss', { id })
  if (error !== undefined) throw new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU could not do ${command}: ${error}`)
}

async function meant(machine: Machine, typed: string): Promise<MachineSnapshot> {
  const snapshots = await listSnapshots(machine)
  const names = snapshots.map(({ name }) => name)
  const found = namesMeant(typed, names)
  if (found.length === 1) return snapshots.find(({ name }) => name === found[0])!
  if (names.length > 0)
    throw unknownName('snapshot', typed, found, names, `mayfly snapshot ls ${machine.name} shows those that there are.`)
  throw new MayflyError('MAYFLY_OPTION_INVALID', `${machine.name} has no snapshots`, {
    hint: `mayfly snapshot create ${machine.name} <snapshot> makes one.`,
  })
}

function withoutMemory({ name }: Machine, tag: string): MayflyError {
  return new MayflyError('MAYFLY_VM_STATE', `the snapshot ${tag} has a disk and no memory, and ${name} runs`, {
    hint: `It was made while ${name} was off. Stop it first: mayfly stop ${name}`,
  })
}

/** The layer that the machine writes to. */
function disk({ record: { image } }: Machine): string {
  return nodeName(DISK, image.disk ? 1 : 0)
}
