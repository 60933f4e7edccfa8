import type { Step } from '../guest/steps.js'
import type { Clone } from '../snapshot/clone.js'
import type { Vm } from './vm.js'

/** Sets a machine up before it is sealed. */
export type Setup = (vm: Vm) => Promise<unknown>

/**
 * A provision step that is code. What it does cannot be seen, so that `key` stands for it: change the key whenever the code changes.
 * @param run is given a running Vm, which cannot be stopped, rebooted, checkpointed or forked.
 */
export function setup(key: string, run: Setup): Step {
  return {
    kind: 'setup',
    key,
    run: async (machine: Clone, signal) => (await import('./run-setup.js')).runSetup(machine, key, run, signal),
  }
}
