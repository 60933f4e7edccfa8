import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { AbortController, AbortSignal, Date, delay, performance, toNodeSignal } from './node-globals.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('timers and clocks go on under fake timers and spies', async () => {
  vi.useFakeTimers({ now: 0 })
  vi.spyOn(globalThis.performance, 'now').mockReturnValue(0)
  const [before, started] = [Date.now(), performance.now()]
  await delay(20)
  expect(performance.now() - started).toBeGreaterThanOrEqual(19)
  expect(Date.now() - before).toBeGreaterThanOrEqual(19)
  expect(new Date().getFullYear()).toBeGreaterThan(2000)
})

test('a delay ends with the reason of its signal', async () => {
  const stop = new AbortController()
  const waiting = delay(60_000, undefined, { signal: stop.signal })
  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await expect(delay(1, 'late', { signal: stop.signal })).rejects.toThrow('enough')
})

test('a timeout may be a fraction, and longer than a timer can be', async () => {
  const long = AbortSignal.timeout(2 ** 40)
  await once(AbortSignal.timeout(0.5), 'abort')
  expect(long.aborted).toBe(false)
})

/** As happy-dom's and jsdom's: it looks like one and is none of Node's. */
class ForeignSignal extends EventTarget {
  aborted = false
  reason: unknown
  abort(reason: unknown) {
    Object.assign(this, { aborted: true, reason })
    this.dispatchEvent(new Event('abort'))
  }
}

describe('a signal of another environment', () => {
  const foreign = () => {
    const signal = new ForeignSignal()
    return { signal: signal as unknown as AbortSignal, abort: signal.abort.bind(signal) }
  }

  test('is translated once, and aborts with the same reason', () => {
    const { signal, abort } = foreign()
    const own = toNodeSignal(signal)
    expect(own).toBeInstanceOf(globalThis.AbortSignal)
    expect(toNodeSignal(signal)).toBe(own)
    const any = AbortSignal.any([signal, new AbortController().signal])
    abort('enough')
    expect([own.aborted, own.reason, any.aborted, any.reason]).toEqual([true, 'enough', true, 'enough'])
  })

  test('may have been aborted before', () => {
    const { signal, abort } = foreign()
    abort('early')
    expect(toNodeSignal(signal).reason).toBe('early')
  })
})
