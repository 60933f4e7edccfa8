import { availableParallelism } from 'node:os'
import { afterAll, describe, expect } from 'vitest'
import { defaultCacheDir, openStore } from '../image/store.js'
import { currentSession } from '../session/session.js'
import { Vm } from '../vm/vm.js'
import { guestTest } from './guest-test.js'

const test = guestTest('micro')
const TESTS = 12

let most = 0
let ran = 0

describe.concurrent('concurrent tests', () => {
  for (let index = 0; index < TESTS; index++) {
    test(`number ${index} has a machine of its own`, async ({ vm }) => {
      const { owned } = await currentSession(await openStore(defaultCacheDir()))
      most = Math.max(most, owned.filter((resource) => resource instanceof Vm).length)
      await vm.fail('cat /root/mark')
      await vm.writeFile('/root/mark', `${index}`)
      expect(await vm.readFile('/root/mark')).toBe(`${index}`)
      ran++
    })
  }
})

afterAll(() => {
  expect(ran).toBe(TESTS)
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(2 * availableParallelism())
})
