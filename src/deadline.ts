import { clearTimeout, setTimeout } from './node-globals.js'

/** A longer timer of Node's would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Settles as `promise` does, or rejects with `late()` after `timeoutMs`. The work behind `promise` is not stopped. */
export function within<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), Math.min(timeoutMs, LONGEST_TIMER_MS))
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** What an operation is bound by. */
export interface Bounds {
  /** Milliseconds that are left; infinite if nothing limits it. */
  leftMs: number
  signal?: AbortSignal | undefined
  late(): Error
  aborted(): Error
}

export const UNBOUNDED: Bounds = {
  leftMs: Number.POSITIVE_INFINITY,
  late: () => new Error('late'),
  aborted: () => new Error('aborted'),
}

/** Settles as `promise` does, or rejects at the end of the time or when the signal aborts. The work behind `promise` is not stopped. */
export async function bounded<T>(promise: Promise<T>, { leftMs, signal, late, aborted }: Bounds): Promise<T> {
  if (leftMs === Number.POSITIVE_INFINITY && !signal) return await promise
  const timed = within(promise, leftMs, late)
  if (!signal) return await timed
  let onAbort = () => {}
  const abort = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(aborted())
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
  try {
    return await Promise.race([timed, abort])
  } finally {
    signal.removeEventListener('abort', onAbort)
    timed.catch(() => {})
  }
}
