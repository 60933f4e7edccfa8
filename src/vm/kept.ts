import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import { diskUsage } from '../image/disk-usage.js'
import { toNodeSignal } from '../node-globals.js'
import { clone } from '../snapshot/clone.js'
import { keepCheckpoint, openKept } from '../snapshot/kept-checkpoint.js'
import { Vm } from './vm.js'
import { wrongState } from './wrong-state.js'

/** What is under way on a machine that fails, such as a start, may never end. */
const CHECKPOINT_MS = 20_000

/**
 * Freezes a machine into a directory, from where `openMachine` resumes it at any later time, in any process of this host.
 * @returns bytes that it takes of the disk.
 * @throws MayflyError MAYFLY_VM_STATE if it neither runs nor is suspended; as `checkpoint`.
 */
export async function keepMachine(vm: Vm, directory: string): Promise<number> {
  const { id, name, state } = vm
  if (state !== 'running' && state !== 'suspended') throw wrongState(name, state, 'be kept', [])
  const { prepared } = vm.clone
  const taking = vm.life.checkpoint('of a failed test', undefined)
  await using checkpoint = await within(taking, CHECKPOINT_MS, () => {
    taking.then((late) => late[Symbol.asyncDispose]()).catch(() => {})
    return new MayflyError('MAYFLY_VM_STATE', `${name} was still busy after ${CHECKPOINT_MS} ms`)
  })
  await keepCheckpoint({ prepared, frozen: checkpoint.frozenFor(prepared.template, name), vm: { id, name } }, directory)
  return await diskUsage(directory)
}

/**
 * A machine that goes on from the moment that was kept in `directory`, which does not change by that. It is its own: destroy it.
 * @throws MayflyError MAYFLY_CHECKPOINT_UNUSABLE with the reason; as `launch`.
 */
export async function openMachine(
  directory: string,
  { cacheDir, signal }: { cacheDir?: string; signal?: AbortSignal } = {},
): Promise<Vm> {
  const { prepared, frozen } = await openKept(directory, cacheDir)
  return new Vm(await clone(prepared, { frozen, signal: toNodeSignal(signal) }))
}
