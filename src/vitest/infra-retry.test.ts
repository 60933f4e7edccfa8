import { describe, expect, test, vi } from 'vitest'
import { GuestAssertionError, MayflyError } from '../errors.js'
import { blame, tryAgain } from './infra-retry.js'

const harness = () => new MayflyError('MAYFLY_BOOT_TIMEOUT', 'it did not come up')
const product = () => new GuestAssertionError('MAYFLY_COMMAND_FAILED', 'should succeed')

/** Fails as often as there are errors, then succeeds. */
function failing(...errors: Error[]) {
  return vi.fn(async () => {
    const error = errors.shift()
    if (error) throw error
    return 'done'
  })
}

describe('tryAgain', () => {
  test('a failure of the harness is tried again, and told each time', async () => {
    const [work, onRetry] = [failing(harness(), harness()), vi.fn()]
    expect(await tryAgain(work, { most: 2, onRetry })).toBe('done')
    expect(work).toHaveBeenCalledTimes(3)
    expect(onRetry.mock.calls).toEqual([[harness()], [harness()]])
  })

  test('not more often than it may', async () => {
    const work = failing(harness(), harness(), harness())
    await expect(tryAgain(work, { most: 1 })).rejects.toThrow('did not come up')
    expect(work).toHaveBeenCalledTimes(2)
  })

  test('never one of the product', async () => {
    const work = failing(product())
    await expect(tryAgain(work, { most: 5 })).rejects.toThrow('should succeed')
    expect(work).toHaveBeenCalledTimes(1)
  })

  test('not when nobody waits for it any more', async () => {
    const work = failing(harness())
    await expect(tryAgain(work, { most: 5, signal: AbortSignal.abort() })).rejects.toThrow('did not come up')
    expect(work).toHaveBeenCalledTimes(1)
  })
})

test('only a failure of the harness says that it is one', () => {
  expect(blame(harness())).toMatchObject({
    message: expect.stringMatching(/\n\nthis looks like a failure of the harness/),
  })
  expect(blame(product())).toEqual(product())
})
