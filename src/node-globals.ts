/**
 * Node's own globals. Those on `globalThis` belong to the test: fake timers, happy-dom and jsdom replace them, before or
 * after Mayfly is imported. All of src/ takes them from here; the linter rejects the global names.
 */
import { performance as nodePerformance } from 'node:perf_hooks'
import * as timers from 'node:timers'
import { transferableAbortController } from 'node:util'
import { runInNewContext, runInThisContext } from 'node:vm'

/** The global object of Node's main context. It differs from `globalThis` in vitest's pools vmThreads and vmForks. */
export const mainGlobal = runInThisContext('globalThis') as typeof globalThis

// A vm pool reads `node:timers` when a context first imports it, and fake timers patch that module's exports.
const real: Pick<typeof timers, 'clearInterval' | 'clearTimeout' | 'setImmediate' | 'setInterval' | 'setTimeout'> =
  mainGlobal === globalThis ? timers : mainGlobal
export const { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } = real

// The only public function that makes one without the global class.
const controller = transferableAbortController()
export const AbortController = controller.constructor as typeof globalThis.AbortController
const NodeSignal = controller.signal.constructor as typeof globalThis.AbortSignal

export const AbortSignal = {
  // Node's takes whole numbers only, and one of more than 24 days as 1 ms.
  timeout: afterMs(NodeSignal.timeout.bind(NodeSignal)),
  any: anySignal(NodeSignal.any.bind(NodeSignal)),
}

function afterMs(timeout: typeof NodeSignal.timeout): typeof NodeSignal.timeout {
  return (ms) => timeout(Math.min(Math.ceil(ms), 2 ** 31 - 1))
}

function anySignal(any: typeof NodeSignal.any): typeof NodeSignal.any {
  return (signals) => any(signals.map((signal) => toNodeSignal(signal)))
}

const translated = new WeakMap<object, AbortSignal>()

/** Node's functions reject the signals of happy-dom and jsdom, or never hear that those abort. vitest's own `signal` is one of them. */
export function toNodeSignal<S extends AbortSignal | undefined>(signal: S): S {
  if (!signal || (signal as AbortSignal) instanceof NodeSignal) return signal
  const known = translated.get(signal)
  if (known) return known as S
  const own = new AbortController()
  if (signal.aborted) own.abort(signal.reason)
  else signal.addEventListener('abort', () => own.abort(signal.reason), { once: true })
  translated.set(signal, own.signal)
  return own.signal as S
}

export { URL } from 'node:url'

// `vi.spyOn(performance, 'now')` replaces a property of the object, not of its prototype.
const { now } = Object.getPrototypeOf(nodePerformance) as typeof nodePerformance
export const performance = {
  now: (): number => now.call(nodePerformance),
  timeOrigin: nodePerformance.timeOrigin,
}

export const Date = nativeDate()

export interface DelayOptions {
  signal?: AbortSignal | undefined
  /** Whether the process waits for it before it exits. @default true */
  ref?: boolean
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function delay<T = void>(ms: number, value?: T, options: DelayOptions = {}): Promise<T> {
  const { signal, ref = true } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve(value as T)
    }, ms)
    if (!ref) timer.unref()
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Resolves after the events that are already waiting. */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Fake dates are subclasses of the class that they replace, or else another context's class has the same clock. */
function nativeDate(): DateConstructor {
  for (let found: unknown = globalThis.Date; typeof found === 'function'; found = Object.getPrototypeOf(found)) {
    if (Function.prototype.toString.call(found) === 'function Date() { [native code] }') return found as DateConstructor
  }
  return runInNewContext('Date') as DateConstructor
}

// Contexts of Node 20 and 22 lack these symbols: `await using` needs them, and they have to be those of Node's own classes.
for (const name of ['dispose', 'asyncDispose'] as const) {
  if (!Symbol[name]) Object.defineProperty(Symbol, name, { value: mainGlobal.Symbol[name] })
}
