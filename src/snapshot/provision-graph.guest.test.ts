import { expect, test } from 'vitest'
import { shell } from '../guest/steps.js'
import { privateCache } from '../image/testing/private-cache.js'
import { inClone, microWith, seal } from './testing/graph.js'

/** A step that adds a line to what the clone can show of its past. */
const step = (text: string) => shell(`echo ${text} >> /root/steps`)

test('what is before a changed step is not done again', async () => {
  const cacheDir = await privateCache()
  const first = await seal(microWith('web', ['one', 'two', 'three', 'four', 'five'].map(step)), cacheDir)
  expect(first.made).toHaveLength(6)
  expect(await inClone(first.prepared, 'cat /root/steps')).toBe('one\ntwo\nthree\nfour\nfive\n')

  const again = await seal(microWith('web', ['one', 'two', 'three', 'four', 'five'].map(step)), cacheDir)
  expect(again).toMatchObject({ made: [], cached: ['image micro', ...first.made] })

  const last = await seal(microWith('web', ['one', 'two', 'three', 'four', 'other'].map(step)), cacheDir)
  expect(last.made).toEqual(['shell echo other >> /root/steps'])
  expect(last.cached).toEqual(again.cached.slice(0, -1))
  expect(await inClone(last.prepared, 'cat /root/steps')).toBe('one\ntwo\nthree\nfour\nother\n')

  const middle = await seal(microWith('web', ['one', 'two', 'other', 'four', 'five'].map(step)), cacheDir)
  expect(middle.made.map((title) => title.split(' ')[2])).toEqual(['other', 'four', 'five'])
  expect(await inClone(middle.prepared, 'cat /root/steps')).toBe('one\ntwo\nother\nfour\nfive\n')
  // The others are not disturbed by what grew beside them.
  expect(await inClone(first.prepared, 'cat /root/steps')).toBe('one\ntwo\nthree\nfour\nfive\n')
})
