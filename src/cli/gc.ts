import { openStore } from '../image/store.js'
import { removeLeftovers } from '../machines/destroy.js'
import { findAbandoned, sweep } from '../session/sweep.js'
import { collect } from '../snapshot/collect.js'
import type { Removal } from '../snapshot/collection-plan.js'
import { formatBytes, toBytes, toMilliseconds } from '../units.js'
import type { ActionContext } from './action.js'
import { print, printJson } from './streams.js'

export interface GcOptions {
  all?: boolean
  olderThan?: string
  maxSize?: string
  dryRun?: boolean
  verify?: boolean
  json?: boolean
}

/** `mayfly gc` */
export async function gc({ cacheDir }: ActionContext, options: GcOptions): Promise<number> {
  const { all, olderThan, maxSize, dryRun = false, verify = false, json } = options
  const policy = {
    all,
    olderThanMs: olderThan === undefined ? undefined : toMilliseconds(olderThan, '--older-than'),
    maxBytes: maxSize === undefined ? undefined : toBytes(maxSize, 1, '--max-size'),
  }
  const store = await openStore(cacheDir)
  const sessions = dryRun ? (await findAbandoned(store)).map(({ id }) => id) : await sweep(store)
  if (!dryRun) await removeLeftovers()
  const { removed, spared, keptBytes } = await collect(store, policy, { dryRun, verify })
  const freedBytes = removed.reduce((sum, { bytes }) => sum + bytes, 0)
  if (json) {
    await printJson({ dryRun, sessions, removed, spared, freedBytes, keptBytes })
    return 0
  }
  const done = dryRun ? 'would remove' : 'removed'
  const lines = [
    ...sessions.map((id) => `${done} session ${id}: its owner is dead`),
    ...removed.map((removal) => `${done} ${describe(removal)}: ${removal.reason}`),
    ...spared.map((removal) => `kept ${describe(removal)}: it came into use`),
    `${dryRun ? 'would free' : 'freed'} ${formatBytes(freedBytes)}, ${formatBytes(keptBytes)} ${dryRun ? 'would remain' : 'remain'} in ${cacheDir}`,
  ]
  await print(lines.join('\n'))
  return 0
}

function describe({ kind, name, key, bytes }: Removal): string {
  return `${kind} ${name === key ? key : `${name} ${key.slice(0, 12)}`} (${formatBytes(bytes)})`
}
