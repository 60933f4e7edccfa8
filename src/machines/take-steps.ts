import type { DataStep } from '../guest/steps.js'
import { Date } from '../node-globals.js'
import { connectTo } from './connect.js'
import { type LockedOptions, withMachine } from './lock.js'
import { type ProvisionOptions, provision } from './provision.js'
import { type Machine, writeRecord } from './record.js'

/** How long a machine that runs may take to be logged in to. */
const LOGIN_MS = 120_000

/**
 * Takes steps in a machine that runs, whatever was done in it before; they are its own from then on. Until they have all been taken, it
 * counts as not provisioned.
 * @throws MayflyError MAYFLY_VM_STATE when it does not run, MAYFLY_COMMAND_FAILED with the end of the failing step's output, MAYFLY_ABORTED.
 */
export function takeSteps(
  machine: Machine,
  steps: readonly DataStep[],
  options: LockedOptions & ProvisionOptions = {},
): Promise<Machine> {
  return withMachine(machine, options, async (settled) => {
    const { directory, record } = settled
    await using connection = await connectTo(settled, { timeoutMs: LOGIN_MS, signal: options.signal })
    const { provisionedAt: _, ...rest } = record
    const begun = await writeRecord(directory, { ...rest, guest: { ...record.guest, provision: steps } })
    await provision(begun, connection, steps, options)
    return await writeRecord(directory, { ...begun.record, provisionedAt: new Date().toISOString() })
  })
}
