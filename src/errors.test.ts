import { expect, test } from 'vitest'
import { errnoOf, GuestAssertionError, MayflyError, messageOf } from './errors.js'

test('the message is the short message and code, the details, the hint', () => {
  const error = new MayflyError('MAYFLY_SSH_FAILED', 'no answer', { details: ['attempts: 3'], hint: 'Is it up?' })
  expect(error.message).toBe('no answer [MAYFLY_SSH_FAILED]\n  attempts: 3\n  Hint: Is it up?')
})

test('more details keep the class, the cause and the hint', () => {
  const cause = new Error('below')
  const error = new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', 'late', { details: ['one'], hint: 'wait', cause })
  const more = error.withDetails(['two'])
  expect(more).toBeInstanceOf(GuestAssertionError)
  expect(more).toMatchObject({ details: ['one', 'two'], hint: 'wait', cause, name: 'GuestAssertionError' })
})

test('as JSON it tells nothing twice', () => {
  const error = new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', 'late', { details: ['one'], hint: 'wait' })
  expect(JSON.parse(JSON.stringify(error))).toEqual({
    name: 'GuestAssertionError',
    code: 'MAYFLY_WAIT_TIMEOUT',
    message: 'late [MAYFLY_WAIT_TIMEOUT]\n  one\n  Hint: wait',
  })
})

test('anything thrown has a message, and a system error its errno', () => {
  expect([messageOf(new Error('a')), messageOf('b'), messageOf(undefined)]).toEqual(['a', 'b', 'undefined'])
  expect(errnoOf(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT')
  expect(errnoOf('x')).toBeUndefined()
})
