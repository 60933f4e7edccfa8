import { expect, test } from 'vitest'
import type { TimelineEntry } from '../vm/timeline.js'
import { commandsText } from './commands-text.js'

const START = 1_700_000_000_000

test('what was done, when, what it came to, with its output', () => {
  const entries: TimelineEntry[] = [
    {
      kind: 'command',
      at: START + 12,
      title: 'ls /nowhere',
      durationMs: 35.4,
      result: 'exit code 2',
      stderr: 'ls: no\n',
    },
    { kind: 'console', at: START + 20, title: 'noise' },
    {
      kind: 'command',
      at: START + 1500,
      title: 'echo a\necho b',
      durationMs: 10,
      result: 'exit code 0',
      stdout: 'a\nb\n',
    },
    { kind: 'note', at: START + 1600, title: 'the guest reset itself' },
    {
      kind: 'wait',
      at: START + 2000,
      title: 'port 80 to be open',
      durationMs: 61,
      failed: true,
      result: 'late\n  more',
    },
    { kind: 'command', at: START + 3000, title: 'sleep 1000' },
  ]
  expect(commandsText(entries, START)).toBe(`\
  +0.012 s  command     ls /nowhere  (exit code 2, 35 ms)
            stderr: ls: no
  +1.500 s  command     echo a ...  (exit code 0, 10 ms)
            | echo a
            | echo b
            stdout: a
            stdout: b
  +1.600 s  note        the guest reset itself
  +2.000 s  wait        port 80 to be open  (failed, late, 61 ms)
            result: late
            result:   more
  +3.000 s  command     sleep 1000  (not over)
`)
})

test('a machine that nobody used says so', () => {
  expect(commandsText([{ kind: 'console', at: START, title: 'noise' }], START)).toBe(
    'Nothing was done to this machine.\n',
  )
})
