import { expect, test } from 'vitest'
import { MOST_MIB, measure } from '../testing/flood.js'
import { Timeline } from './timeline.js'

test('a chatty guest and large results are no more than some megabytes of a timeline: the oldest go first', async () => {
  const timeline = new Timeline()
  const footprint = measure()
  const block = () => Buffer.alloc(16 * 1024, 'A').toString()
  for (let index = 0; index < 4_000; index++) {
    timeline.console(`${index} ${block()}`)
    await timeline.during(
      'command',
      `command ${index}`,
      async () => block(),
      (stdout) => ({ stdout, stderr: block() }),
    )
  }
  expect(footprint().grownMiB).toBeLessThan(MOST_MIB)
  const characters = JSON.stringify(timeline.entries).length
  expect(characters).toBeLessThan(10 * 1024 ** 2)
  expect(characters).toBeGreaterThan(3 * 1024 ** 2)
  expect(timeline.entries.at(-1)).toMatchObject({ title: 'command 3999' })
})

test('a long title keeps its beginning, and the console goes on in one entry', () => {
  const timeline = new Timeline()
  timeline.add('command', `the beginning${'a'.repeat(100_000)}`)
  expect(timeline.entries[0]!.title).toMatch(/^the beginninga+\[\.\.\.\]$/)
  for (let index = 0; index < 50_000; index++) timeline.console('x')
  expect(timeline.entries).toHaveLength(2)
  expect(timeline.entries[1]!.title.length).toBeLessThan(17_000)
})
