import type { Vm } from '../vm/vm.js'
import { aborted } from './guest-look.js'

/** What is on a machine's display, as a PNG; undefined if it has none. */
export async function screenOf(vm: Vm, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { screenshot } = vm as { screenshot?: () => Promise<Uint8Array> }
  if (!screenshot || !vm.guest.display) return undefined
  return await Promise.race([
    screenshot.call(vm),
    aborted(signal).then(() => Promise.reject(new Error('the display did not answer in time'))),
  ])
}
