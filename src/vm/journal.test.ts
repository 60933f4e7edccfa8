import { expect, test } from 'vitest'
import { entryOf } from './journal.js'

const line = (fields: object) => JSON.stringify({ __REALTIME_TIMESTAMP: '1764406800123456', ...fields })

test('an entry has the unit that systemd names, else that of the program', () => {
  const own = { _SYSTEMD_UNIT: 'init.scope', SYSLOG_IDENTIFIER: 'systemd', _PID: '1', PRIORITY: '3', MESSAGE: 'hi' }
  expect(entryOf(line({ ...own, UNIT: 'web.service' }))).toEqual({
    at: new Date(1764406800123),
    unit: 'web.service',
    identifier: 'systemd',
    pid: 1,
    priority: 3,
    message: 'hi',
  })
  expect(entryOf(line(own)).unit).toBe('init.scope')
  expect(entryOf(line({ SYSLOG_IDENTIFIER: 'kernel' }))).toMatchObject({ unit: undefined, pid: undefined, message: '' })
})

test('bytes that are no text, and fields that were logged twice, are read', () => {
  expect(entryOf(line({ MESSAGE: [...Buffer.from('a\x1b[1mé')] })).message).toBe('a\x1b[1mé')
  expect(entryOf(line({ MESSAGE: ['one', 'two'] })).message).toBe('one')
  expect(entryOf(line({ MESSAGE: [0xff, 0x61] })).message).toBe('\ufffda')
  expect(entryOf(line({ MESSAGE: null })).message).toBe('')
})
