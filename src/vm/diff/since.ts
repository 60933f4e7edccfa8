import type { Checkpoint } from '../../snapshot/checkpoint.js'
import { clone } from '../../snapshot/clone.js'
import { noNetwork } from '../../snapshot/join-network.js'
import { exec } from '../../ssh/exec.js'
import { Allowance } from '../allowance.js'
import type { VmBase } from '../base.js'
import type { Look } from './contents.js'
import { comparison, type DiffOptions, differences, tooLate } from './diff.js'
import type { MachineDiff } from './machine-diff.js'

/**
 * What has changed in a running machine since a checkpoint, or its template. The old side is a machine of its own, resumed from it, which
 * lives as long as this takes: a checkpoint costs nothing for a comparison that may never come.
 */
export async function diffSince(
  { clone: { prepared }, life, name, family }: VmBase,
  checkpoint: Checkpoint | undefined,
  options: DiffOptions,
  ending: AbortSignal,
): Promise<MachineDiff> {
  const asked = comparison(options)
  const frozen = checkpoint?.frozenFor(prepared.template, name)
  const allowed = new Allowance(asked.timeoutMs, family.timeLimit())
  const late = AbortSignal.timeout(Math.ceil(allowed.limitMs))
  const failed = new AbortController()
  const signal = AbortSignal.any([ending, late, failed.signal])
  const after: Look = (script, { stdin } = {}) =>
    life.use('a comparison', (connection) => exec(connection, script, { stdin, signal, encoding: 'buffer' }))
  const resumed = clone(prepared, { frozen, signal })
  const before = resumed.then(({ connection }): Look => {
    if (!connection) throw noNetwork(name, 'a comparison')
    return (script, { stdin } = {}) => exec(connection, script, { stdin, signal, encoding: 'buffer' })
  })
  try {
    return await differences(before, after, asked)
  } catch (error) {
    failed.abort(error)
    throw late.aborted ? tooLate(name, allowed) : error
  } finally {
    const [old] = await Promise.allSettled([resumed])
    if (old.status === 'fulfilled') await old.value[Symbol.asyncDispose]()
  }
}
