// @ts-check
import { appendFileSync } from 'node:fs'
import { guestTest } from 'mayfly/vitest'
import { beforeEach } from 'vitest'
import { COMMAND, RECORDS_VARIABLE, TESTS } from './measured-test.js'

const test = guestTest('micro')
const records = process.env[RECORDS_VARIABLE] ?? ''

let asked = 0
beforeEach(() => {
  asked = performance.now()
})

for (let index = 1; index <= TESTS; index++) {
  test(`number ${index}`, async ({ vm }) => {
    const had = performance.now()
    await vm.succeed(COMMAND)
    /** @type {import('./measured-test.js').TestRecord} */
    const record = { waitedMs: had - asked, execMs: performance.now() - had, pooled: vm.timings.pooled }
    appendFileSync(records, `${JSON.stringify(record)}\n`)
  })
}
