import { expect, test } from 'vitest'
import { shell } from '../guest/steps.js'
import { defineGuest } from './define-guest.js'

const setUp = async () => {}

test('provision as a function is one step, with the key that it is given', () => {
  const { provision } = defineGuest({ image: 'micro', provision: setUp, provisionKey: 'v1' })
  expect(provision).toEqual([{ kind: 'setup', key: 'v1', run: expect.any(Function) }])
})

test('a function without a key is refused, and told what to write', () => {
  expect(() => defineGuest({ image: 'micro', provision: setUp })).toThrow(
    expect.objectContaining({ code: 'MAYFLY_GUEST_INVALID', hint: expect.stringContaining("provisionKey: 'v1'") }),
  )
  expect(() => defineGuest({ image: 'micro', provision: setUp, provisionKey: '' })).toThrow(/no provisionKey/)
})

test('a key beside steps is refused: they are known by what they are', () => {
  expect(() => defineGuest({ image: 'micro', provision: [shell('true')], provisionKey: 'v1' })).toThrow(
    /provisionKey is given, and provision is not a function/,
  )
})

test('what is no guest at all is refused as ever', () => {
  for (const wrong of [null, 7, undefined, []]) {
    expect(() => defineGuest(wrong as unknown as string)).toThrow(
      expect.objectContaining({ code: 'MAYFLY_GUEST_INVALID' }),
    )
  }
})
