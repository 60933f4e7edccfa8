import { expect, test } from 'vitest'
import { parse } from './guest-look.js'

test('what failed units said is by unit, without escape sequences; one that said nothing is left out', () => {
  const output = [
    '@@1 journal.log',
    '# failed units: a.service b.service',
    '@@1 unit a.service',
    'Traceback (most recent call last):',
    '  File "/a.py", line 1',
    '\u001b[31mNameError\u001b[0m: x',
    '@@1 unit b.service',
    '@@1 kernel.log',
    'hello',
    '@@1 end',
    '',
  ].join('\n')
  const { files, failedUnits } = parse(output, '@@1', undefined)
  expect(failedUnits).toEqual([
    { name: 'a.service', lines: ['Traceback (most recent call last):', '  File "/a.py", line 1', 'NameError: x'] },
  ])
  expect([...files.keys()]).toEqual(['journal.log', 'kernel.log'])
})
