import { MayflyError } from '../errors.js'
import { AbortController, AbortSignal } from '../node-globals.js'
import { bootTimeoutMs } from '../snapshot/boot-timeout.js'
import type { Checkpoint } from '../snapshot/checkpoint.js'
import { type Clone, clone } from '../snapshot/clone.js'
import type { Prepared } from '../snapshot/prepare.js'

/**
 * Several machines from one moment of another, side by side. The checkpoint goes at the end, what they need of it stays with them.
 * @throws the first failure, when none of them is left.
 */
export async function fork(
  prepared: Prepared,
  takeCheckpoint: () => Promise<Checkpoint>,
  { count, signal }: { count: number; signal: AbortSignal },
): Promise<Clone[]> {
  if (!Number.isInteger(count) || count < 1) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `a machine cannot be forked ${count} times`, {
      hint: 'Give a whole number of at least 1.',
    })
  }
  await using checkpoint = await takeCheckpoint()
  const frozen = checkpoint.frozenFor(prepared.template, prepared.guest.name)
  const failed = new AbortController()
  // Room for them may never come up while the machine that asks for them runs.
  const deadline = AbortSignal.timeout(bootTimeoutMs(prepared.harness))
  const any = AbortSignal.any([signal, failed.signal, deadline])
  const forks = Array.from({ length: count }, () => clone(prepared, { frozen, signal: any }))
  try {
    return await Promise.all(forks)
  } catch (error) {
    failed.abort(error)
    for (const made of await Promise.allSettled(forks)) {
      if (made.status === 'fulfilled') await made.value[Symbol.asyncDispose]()
    }
    throw error
  }
}
