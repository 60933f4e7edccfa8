import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { costOf, flood, GIGABYTE, MOST_MIB, MOST_STALL_MS } from '../testing/flood.js'
import { Agent } from './agent.js'

test.each([
  ['a line of 1 GB that does not end', {}],
  ['lines that answer nothing', { what: 'yes "ok 17 error"', bytes: GIGABYTE / 100 }],
  ['empty lines', { what: "tr '\\0' '\\n' </dev/zero", bytes: GIGABYTE / 50 }],
])('%s cost neither memory nor a stall', async (_what, options) => {
  const flooding = flood(options)
  const agent = new Agent(flooding.stream)
  const { grownMiB, stallMs } = await costOf(flooding)
  expect(grownMiB).toBeLessThan(MOST_MIB)
  expect(stallMs).toBeLessThan(MOST_STALL_MS)
  expect(agent.present).toBe(false)
})

test('a line that is too long rejects what is asked for, and the next answers are read', async () => {
  const line = new PassThrough()
  const agent = new Agent(line)
  const asked = agent.ping()
  line.write('A'.repeat(5000))
  await expect(asked).rejects.toMatchObject({ code: 'MAYFLY_OUTPUT_TOO_LARGE' })
  const again = agent.ping()
  line.write('A\npong 2\n')
  await expect(again).resolves.toBeUndefined()
  expect(agent.present).toBe(true)
})

test('only an answer settles a request, and what the guest refuses is said', async () => {
  const line = new PassThrough()
  const agent = new Agent(line)
  const asked = agent.fixup()
  line.write('junk 1\n\0\xff 1 2\nok 2\nerr')
  line.write('or 1 bad time\r\n')
  await expect(asked).rejects.toMatchObject({
    code: 'MAYFLY_TEMPLATE_UNUSABLE',
    shortMessage: "the guest's agent refused: bad time",
  })
})
