import type { Vm } from '../vm/vm.js'

/** What is on a machine's display, as a PNG; undefined if it has none, or is off. */
export async function screenOf(vm: Vm, timeoutMs: number): Promise<Uint8Array | undefined> {
  const isOff = vm.state === 'stopped' || vm.state === 'destroyed' || !vm.life.running.qemu.alive
  if (!vm.guest.display || isOff) return undefined
  return await vm.screenshot(undefined, { timeout: timeoutMs })
}
