import { expect, test } from 'vitest'
import { GuestAssertionError, MayflyError, type MayflyErrorCode } from '../errors.js'
import { failureOf } from './failure.js'

const harness = (code: MayflyErrorCode = 'MAYFLY_SSH_FAILED', cause?: unknown) =>
  new MayflyError(code, 'it broke', { cause })

test.each<MayflyErrorCode>(['MAYFLY_SSH_FAILED', 'MAYFLY_QEMU_EXITED', 'MAYFLY_BOOT_TIMEOUT', 'MAYFLY_HOST_MEMORY'])(
  '%s is the harness',
  (code) => expect(failureOf(harness(code))).toBe('harness'),
)

test.each<MayflyErrorCode>([
  'MAYFLY_GUEST_PANIC',
  'MAYFLY_VM_STATE',
  'MAYFLY_COMMAND_TIMEOUT',
  'MAYFLY_OPTION_INVALID',
])('%s is the product, or the test', (code) => expect(failureOf(harness(code))).toBe('product'))

test('an assertion about the guest, and any other error, is the product', () => {
  expect(failureOf(new GuestAssertionError('MAYFLY_COMMAND_FAILED', 'should succeed'))).toBe('product')
  expect(failureOf(new TypeError('x is not a function'))).toBe('product')
  for (const thrown of ['text', 7, null, undefined]) expect(failureOf(thrown)).toBe('product')
})

test('the cause tells, however deep', () => {
  const wrapped = new Error('deploy failed', { cause: new Error('step 2', { cause: harness() }) })
  expect(failureOf(wrapped)).toBe('harness')
  expect(failureOf(harness('MAYFLY_FILE_TRANSFER_FAILED', harness()))).toBe('harness')
})

test('a panic is the product, though it also cut the connection', () => {
  expect(failureOf(harness('MAYFLY_GUEST_PANIC', harness('MAYFLY_SSH_FAILED')))).toBe('product')
})

test('of several errors the harness wins: the others may come from it', () => {
  const several = new AggregateError([new Error('expected 1 to be 2'), harness('MAYFLY_QEMU_EXITED')])
  expect(failureOf(several)).toBe('harness')
  expect(failureOf(new AggregateError([new Error('one'), harness('MAYFLY_GUEST_PANIC')]))).toBe('product')
})

test("vitest's copy of an error tells the same", () => {
  const copy = { name: 'Error', message: 'lost', cause: { name: 'MayflyError', code: 'MAYFLY_SSH_FAILED' } }
  expect(failureOf(copy)).toBe('harness')
})

test('a circle of causes ends', () => {
  const error = new Error('round')
  error.cause = new Error('and round', { cause: error })
  expect(failureOf(error)).toBe('product')
})
