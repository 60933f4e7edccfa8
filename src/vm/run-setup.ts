import { MayflyError, messageOf } from '../errors.js'
import type { Clone } from '../snapshot/clone.js'
import { ProvisioningVm } from './provisioning-vm.js'
import type { Setup } from './setup.js'

/**
 * Runs the code of a provision step in a machine that is going to be sealed.
 * @throws MayflyError MAYFLY_COMMAND_FAILED when it throws, or what ended it: the machine's death, its owner's signal.
 */
export async function runSetup(
  machine: Clone,
  key: string,
  run: Setup,
  signal: AbortSignal | undefined,
): Promise<void> {
  const vm = new ProvisioningVm(machine)
  try {
    await Promise.race([run(vm), machine.qemu.failOnExit(), aborted(signal)])
    await vm.letGo()
  } catch (error) {
    const died = machine.qemu.exit !== undefined
    // One that ended may be booting by itself again. One that runs is its owner's to end, who knows why then.
    await (died ? vm.destroy() : vm.letGo())
    throw signal?.aborted || died ? error : explain(key, error)
  }
}

function explain(key: string, error: unknown): MayflyError {
  const details = error instanceof MayflyError ? [error.shortMessage, ...error.details] : [messageOf(error)]
  return new MayflyError('MAYFLY_COMMAND_FAILED', `provision step failed: setup ${key}`, {
    details,
    hint: 'No template of it was sealed; the steps before it are kept. Fix it and run again.',
    cause: error,
  })
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener(
      'abort',
      () => reject(new MayflyError('MAYFLY_ABORTED', 'the setup was given up', { cause: signal.reason })),
      { once: true },
    )
  })
}
