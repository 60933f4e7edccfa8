import { delay as sleep } from '../../node-globals.js'
import { formatMilliseconds } from '../../units.js'
import { HttpFailure } from './http.js'

export interface Persistence {
  /** Failures one after the other, without a new byte between them, before it gives up. */
  attempts: number
  /** The first pause; each is about twice as long as the one before. */
  backoffMs: number
  /** A server that asks for a longer pause than this is given up. */
  patienceMs: number
}

const LONGEST_PAUSE_MS = 30_000
/** However far each of them came: a server may begin anew for ever. */
const MAXIMUM_FAILURES = 100

/**
 * Runs `attempt` until it succeeds, fails for good, or fails too often.
 * @param gained how far it has come; whatever comes further has not failed in vain.
 * @param note told why and when it is tried again.
 * @throws HttpFailure, the last one; whatever else `attempt` throws.
 */
export async function persist<T>(
  { attempts, backoffMs, patienceMs }: Persistence,
  attempt: () => Promise<T>,
  gained: () => number,
  note: (line: string) => void,
  signal?: AbortSignal,
): Promise<T> {
  let failures = 0
  for (let total = 1; ; total++) {
    const before = gained()
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof HttpFailure) || !error.transient || signal?.aborted) throw error
      failures = gained() > before ? 1 : failures + 1
      // Not all at the same moment, when a server has thrown all of its clients out.
      const jitter = 0.5 + Math.random() / 2
      const pauseMs = error.afterMs ?? Math.min(LONGEST_PAUSE_MS, backoffMs * 2 ** (failures - 1)) * jitter
      if (failures >= attempts || total >= MAXIMUM_FAILURES || pauseMs > Math.max(patienceMs, LONGEST_PAUSE_MS))
        throw error
      note(`${error.message}; trying again in ${formatMilliseconds(pauseMs)}`)
      await sleep(pauseMs, undefined, { signal })
    }
  }
}
