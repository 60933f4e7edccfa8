import { clearTimeout, setTimeout } from './node-globals.js'
/** Settles as `promise` does, or rejects with `late()` after `timeoutMs`. The work behind `promise` is not stopped. */
export function within<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
