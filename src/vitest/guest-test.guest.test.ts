import { expect } from 'vitest'
import { guestTest } from './guest-test.js'

const test = guestTest('micro')
const pair = guestTest({ left: 'micro', right: 'micro' })

test('a test gets a running machine', async ({ vm }) => {
  await vm.writeFile('/root/mark', 'here')
  expect(await vm.succeed('cat /root/mark')).toBe('here')
})

test('the next test gets another, without what the first one wrote', async ({ vm }) => {
  await vm.fail('cat /root/mark')
})

pair('several guests are several machines', async ({ left, right }) => {
  expect(left.id).not.toBe(right.id)
  await left.writeFile('/root/mark', 'left')
  await right.fail('cat /root/mark')
})
