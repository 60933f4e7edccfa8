import { AbortController, AbortSignal } from '../../node-globals.js'
import type { Checkpoint } from '../../snapshot/checkpoint.js'
import { type Clone, clone } from '../../snapshot/clone.js'
import { noNetwork } from '../../snapshot/join-network.js'
import { runScript } from '../../ssh/script.js'
import { Allowance } from '../allowance.js'
import type { VmBase } from '../base.js'
import type { Look } from './contents.js'
import { comparison, type DiffOptions, differences, tooLate } from './diff.js'
import type { Inventory } from './inventory.js'
import type { MachineDiff } from './machine-diff.js'

/** What was frozen does not change: it is looked at once for each scope. */
const seen = new WeakMap<object, Map<string, Inventory>>()

function seenOf(frozen: object): Map<string, Inventory> {
  const inventories = seen.get(frozen) ?? new Map<string, Inventory>()
  seen.set(frozen, inventories)
  return inventories
}

/**
 * What has changed in a running machine since a checkpoint, or its template. The old side is a machine of its own, resumed from it, which
 * lives as long as this takes: a checkpoint costs nothing for a comparison that may never come. It is resumed if it was not looked at before, or
 * if files may differ.
 */
export async function diffSince(
  { clone: { prepared }, life, name: vmName, family }: VmBase,
  checkpoint: Checkpoint | undefined,
  options: DiffOptions,
  ending: AbortSignal,
): Promise<MachineDiff> {
  const name = 'a comparison'
  const asked = comparison(options)
  const frozen = checkpoint?.frozenFor(prepared.template, vmName)
  const allowed = new Allowance(asked.timeoutMs, family.timeLimit())
  const late = AbortSignal.timeout(Math.ceil(allowed.limitMs))
  const failed = new AbortController()
  const signal = AbortSignal.any([ending, late, failed.signal])
  const after: Look = (script, { stdin } = {}) =>
    life.use(name, (connection) => runScript(connection, script, { name, stdin, signal, encoding: 'buffer' }))
  let resumed: Promise<Clone> | undefined
  const before: Look = async (script, { stdin } = {}) => {
    resumed ??= clone(prepared, { frozen, signal })
    const { connection } = await resumed
    if (!connection) throw noNetwork(vmName, name)
    return await runScript(connection, script, { name, stdin, signal, encoding: 'buffer' })
  }
  try {
    return await differences(before, after, asked, seenOf(frozen ?? prepared.template))
  } catch (error) {
    failed.abort(error)
    throw late.aborted ? tooLate(vmName, allowed) : error
  } finally {
    await resumed?.then(
      (old) => old[Symbol.asyncDispose](),
      () => {},
    )
  }
}
