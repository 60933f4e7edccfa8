import { open, stat, truncate, writeFile } from 'node:fs/promises'
import { MayflyError } from '../errors.js'
import { sparseCopy } from '../image/sparse-copy.js'
import { assertSpace } from '../image/store.js'
import { performance } from '../node-globals.js'
import type { DiskLayer, StateKind } from '../qemu/argv.js'
import type { QmpClient } from '../qemu/qmp.js'
import { MIB } from '../units.js'
import { DirtyPages } from './dirty-pages.js'
import { type FreezeMethod, freezeMethod } from './freeze-method.js'
import type { Place } from './place.js'
import type { Prepared } from './prepare.js'
import { type Running, save } from './running.js'
import type { SharedFiles } from './shared-files.js'
import { frozenTemplate } from './template.js'

export interface FreezeOptions {
  prepared: Prepared
  place: Place
  running: Running
  /** Stopped already, and to stay so. */
  suspended: boolean
  /** Default: the quickest that this host can do. */
  method?: FreezeMethod | undefined
  /** What is made: the machine's RAM and device state, and a name for what its disk holds until now. */
  files: { ram: string; state: string; disk: DiskLayer }
  /** Whoever uses that disk layer. */
  disk: SharedFiles
}

export interface FrozenLive {
  kind: StateKind
  /** How long the guest stood still, in ms. */
  pauseMs: number
}

/** Device state without RAM. */
const STATE_BYTES = 2 * MIB
const FINISH_DEADLINE_MS = 10_000

/** Writes down a machine's memory, devices and disk as they are at one instant, and lets it go on: its disk on a new layer. */
export async function freezeLive(options: FreezeOptions): Promise<FrozenLive> {
  const { prepared, place, running } = options
  const { qemu } = running
  const { memoryBytes, display } = prepared.guest
  await writeFile(options.files.state, '', { mode: 0o600 })
  // What a screen shows is in memory of its card, which a state of devices alone leaves out.
  const method = display ? 'migration' : (options.method ?? (await freezeMethod({ qemu, ram: place.ram, memoryBytes })))
  return method === 'pages' ? await freezePages(options) : await freezeByMigration(options)
}

/** Before the guest stops, all that it has not written to since it was resumed is copied; what it has, while it stands still. */
async function freezePages(options: FreezeOptions): Promise<FrozenLive> {
  const { prepared, place, running, files } = options
  const { harness, guest } = prepared
  const { pid, qmp } = running.qemu
  using dirty = await DirtyPages.open(pid, place.ram, guest.memoryBytes)
  const { blocks } = await stat(place.ram)
  // stat(2): blocks of 512 bytes.
  await assertSpace(harness.store, 512 * blocks + dirty.bytes + STATE_BYTES, `a checkpoint of ${guest.name}`)
  await writeFile(files.ram, '', { mode: 0o600 })
  await sparseCopy(place.ram, files.ram)
  await using ram = await open(files.ram, 'r+')
  // Once while it runs, all of which is written again while it stands still: then over pages that are there already.
  await dirty.copyTo(ram.fd)
  const pauseMs = await whileStopped(options, async (stackDisk) => {
    await qmp.execute('xen-save-devices-state', { filename: files.state, live: false })
    await allOf([dirty.copyTo(ram.fd), stackDisk()])
  })
  return { kind: 'devices', pauseMs }
}

/** A private view of a file is memory like any other to QEMU, which streams it. */
async function freezeByMigration(options: FreezeOptions): Promise<FrozenLive> {
  const { prepared, running, files, suspended } = options
  const { harness, guest } = prepared
  const { qmp } = running.qemu
  await assertSpace(harness.store, guest.memoryBytes + STATE_BYTES, `a checkpoint of ${guest.name}`)
  await writeFile(files.ram, '', { mode: 0o600 })
  await truncate(files.ram, guest.memoryBytes)
  const pauseMs = await whileStopped(options, async (stackDisk) => {
    await stackDisk()
    const complaint = await save(running.qemu, files.state)
    await finished(qmp)
    // What was migrated away takes its disk back when it goes on, and can only then be saved once more.
    if (suspended) {
      await qmp.execute('cont')
      await qmp.execute('stop')
    }
    if (complaint === undefined) return
    throw new MayflyError('MAYFLY_CHECKPOINT_UNUSABLE', `QEMU could not save ${guest.name}: ${complaint}`)
  })
  return { kind: 'migration', pauseMs }
}

/** QEMU says that a migration is over a moment before it has put the migration away; until then nothing can go on. */
async function finished(qmp: QmpClient): Promise<void> {
  const end = performance.now() + FINISH_DEADLINE_MS
  while ((await qmp.execute('query-status')).status === 'finish-migrate') {
    if (performance.now() < end) continue
    throw new MayflyError('MAYFLY_CHECKPOINT_UNUSABLE', `QEMU did not end a migration within ${FINISH_DEADLINE_MS} ms`)
  }
}

/** Stops the guest for as long as `work` takes, which puts a new layer on its disk by the way. */
async function whileStopped(
  { prepared, place, running, suspended, files, disk }: FreezeOptions,
  work: (stackDisk: () => Promise<void>) => Promise<void>,
): Promise<number> {
  const { qmp } = running.qemu
  const layer = await place.disk.add(qmp, frozenTemplate(prepared.template).overlay)
  let stacked = false
  const stackDisk = async () => {
    await place.disk.stack(qmp, layer, files.disk, disk)
    stacked = true
  }
  try {
    const started = performance.now()
    if (!suspended) await qmp.execute('stop')
    try {
      await work(stackDisk)
    } finally {
      if (!suspended) await qmp.execute('cont')
    }
    return suspended ? 0 : performance.now() - started
  } finally {
    if (!stacked) await place.disk.remove(qmp, layer)
  }
}

/** Waits for all, also when one fails: nothing may go on behind the guest's back. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected')
  if (failed) throw (failed as PromiseRejectedResult).reason
}
