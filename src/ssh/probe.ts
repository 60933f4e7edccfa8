import { MayflyError } from '../errors.js'
import { AbortController, clearTimeout, performance, setTimeout } from '../node-globals.js'
import { type Duration, formatMilliseconds, toMilliseconds } from '../units.js'
import type { SshConnection } from './connection.js'
import type { ExecResult } from './exec.js'
import { MOST_LOOK_BYTES } from './framed.js'
import { runScript } from './script.js'

export interface ProbeOptions {
  /** When it is over, the script is killed with all that it started. */
  timeout?: Duration | undefined
  signal?: AbortSignal | undefined
}

/**
 * Runs a script of Mayfly's own that only looks, by the quickest way there is. dropbear starts a shell in less time than
 * another connection for a helper shell takes, and runs one command per connection: one that stays would take it from all others.
 * @throws as `exec`.
 */
export async function probe(
  connection: SshConnection,
  script: string,
  { timeout, signal }: ProbeOptions = {},
): Promise<ExecResult> {
  if (connection.isDropbear)
    return await runScript(connection, script, {
      name: 'a look at the guest',
      timeout,
      signal,
      maxBuffer: MOST_LOOK_BYTES,
    })
  const startedAt = performance.now()
  const stop = new AbortController()
  const limit = timeout === undefined ? undefined : toMilliseconds(timeout, 'timeout')
  const timer = limit === undefined ? undefined : setTimeout(() => stop.abort(timedOut(limit)), limit)
  const onAbort = () =>
    stop.abort(new MayflyError('MAYFLY_ABORTED', 'the look at the guest was aborted', { cause: signal?.reason }))
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) onAbort()
  try {
    const result = await connection.helperShells.run(script, stop.signal)
    return { ...result, signal: null, durationMs: performance.now() - startedAt }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function timedOut(limitMs: number): MayflyError {
  return new MayflyError(
    'MAYFLY_COMMAND_TIMEOUT',
    `a look at the guest did not end within ${formatMilliseconds(limitMs)}`,
  )
}
