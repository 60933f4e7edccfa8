import { expect, test } from 'vitest'
import { parseFileRecords } from './file-records.js'

const times = '2026-11-21 17:30:37.1 +0000|2026-11-21 17:30:37.2 +0000'

test.each([
  ['=81a4', 'f644', { type: 'file', mode: '644' }],
  ['=89ed', 'f4755', { type: 'file', mode: '4755' }],
  ['=43ff', 'd1777', { type: 'directory', mode: '1777' }],
  ['=a1ff', 'l777', { type: 'symlink', mode: undefined }],
  ['=c1ed', 's755', { type: 'socket', mode: '755' }],
  ['=1000', 'p0', { type: 'fifo', mode: '0' }],
  ['=2190', 'c620', { type: 'character device', mode: '620' }],
  ['=61b0', 'b660', { type: 'block device', mode: '660' }],
])('stat tells %s what find tells as %s', (stat, find, record) => {
  for (const kind of [stat, find]) {
    const records = parseFileRecords(`//${kind}|0|4|12|65024|2222062|${times}|/a\n`)
    expect([...records]).toEqual([['/a', { ...record, uid: 0, gid: 4, signature: `12|65024|2222062|${times}` }]])
  }
})

test('a record begins where no name can', () => {
  const records = parseFileRecords(`//d755|0|0|1|2|3|4|5|/\n//f644|0|0|1|2|3|4|5|/a\n/b|c\n\n//f644|0|0|1|2|3|4|5|/d\n`)
  expect([...records.keys()]).toEqual(['/', '/a\n/b|c\n', '/d'])
  expect(parseFileRecords('').size).toBe(0)
})
