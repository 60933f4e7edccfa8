import { randomBytes } from 'node:crypto'
import { copyFile, link, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { explainFull } from '../image/store.js'
import type { QemuProcess } from '../qemu/process.js'
import { Checkpoint } from './checkpoint.js'
import { type FreezeOptions, freezeLive } from './freeze-live.js'
import { FILES } from './machine.js'
import { SharedFiles } from './shared-files.js'
import { frozenTemplate } from './template.js'

/** More layers than this above a template's are made one, at the next checkpoint: each costs every read a look. */
const MOST_LAYERS = 8

export interface CheckpointOptions
  extends Pick<FreezeOptions, 'prepared' | 'place' | 'running' | 'suspended' | 'method'> {
  label: string
}

/**
 * Freezes a moment of a running or suspended machine, which goes on.
 * @throws MayflyError MAYFLY_CACHE_UNUSABLE when it has no room, MAYFLY_QEMU_EXITED, MAYFLY_QMP_COMMAND_FAILED; nothing is left, and the machine goes on.
 */
export async function takeCheckpoint(options: CheckpointOptions): Promise<Checkpoint> {
  const { prepared, place, running } = options
  const { harness, template } = prepared
  try {
    const { layers } = place.disk
    if (layers.length - template.layers.length > MOST_LAYERS) {
      await place.disk.flatten(running.qemu.qmp, template.layers)
    }
    return await write(options)
  } catch (error) {
    throw explainFull(harness.store, await causeOf(error, running.qemu))
  }
}

/** A process that dies shows in many ways, above all in /proc; its monitor tells. */
async function causeOf(error: unknown, qemu: QemuProcess): Promise<unknown> {
  const exit = await qemu.qmp.execute('query-status').then(
    () => undefined,
    (refusal) => qemu.explain(refusal),
  )
  return exit instanceof MayflyError && exit.code === 'MAYFLY_QEMU_EXITED' ? exit : error
}

async function write(options: CheckpointOptions): Promise<Checkpoint> {
  const { label, prepared, place } = options
  const { harness, guest, template } = prepared
  const directory = join(harness.session.directory, `checkpoint-${randomBytes(4).toString('hex')}`)
  const ram = join(directory, FILES.ram)
  const state = join(directory, FILES.state)
  const disk = { path: join(directory, FILES.disk), format: 'qcow2' as const }
  const { overlay, seed, vars: hasVars } = frozenTemplate(template)
  const vars = hasVars && join(directory, FILES.vars)
  const uses = {
    memory: new SharedFiles([ram, state, ...(vars ? [vars] : [])]),
    disk: new SharedFiles([disk.path], place.disk.below),
  }
  try {
    await mkdir(directory, { mode: 0o700 })
    const [own, ...below] = place.disk.layers
    // A second name, for QEMU may open the first again; and that one goes with its Vm.
    await link(own!.path, disk.path)
    const { kind, pauseMs } = await freezeLive({ ...options, files: { ram, state, disk }, disk: uses.disk })
    // What a guest changes there, it seldom changes, and its flash is written through to the file.
    if (vars) await copyFile(join(place.directory, FILES.vars), vars)
    const frozen = {
      ram,
      state: { path: state, kind },
      layers: [disk, ...below],
      overlay,
      seed,
      vars,
      uses,
      identity: place.identity,
    }
    const bytes = await allocated([ram, state, disk.path])
    return new Checkpoint({ label, vm: { id: place.id, name: guest.name }, pauseMs, bytes, frozen, template })
  } catch (error) {
    await Promise.all([uses.memory.release(), uses.disk.release()])
    throw error
  }
}

async function allocated(paths: readonly string[]): Promise<number> {
  // stat(2): blocks are counted in 512 bytes, whatever the file system's own are.
  const sizes = await Promise.all(paths.map(async (path) => 512 * (await stat(path)).blocks))
  return sizes.reduce((sum, size) => sum + size, 0)
}
