import { expect, test } from 'vitest'
import { isNamed, parseProcesses, withoutDescendants } from './process-table.js'

const HEADS = `==> /proc/1/stat <==
1 (systemd) S 0 1 1 0 -1 4194560 1

==> /proc/40/stat <==
40 (a) b (c) R 1 1 1 0 -1 4194560 1

==> /proc/41/stat <==
41 (nginx) Z 40 1 1 0 -1

==> /proc/1/cmdline <==
/sbin/init\u0001splash\u0001
==> /proc/40/cmdline <==
/opt/a b\u0001--text=two
lines\u0001\u0001
==> /proc/41/cmdline <==
`
const OWNERS = '/proc/1 root\n/proc/40 www-data\n'

test('each process with its arguments and its user', () => {
  expect(parseProcesses(HEADS, OWNERS)).toEqual([
    { pid: 1, ppid: 0, user: 'root', name: 'systemd', state: 'S', args: ['/sbin/init', 'splash'] },
    { pid: 40, ppid: 1, user: 'www-data', name: 'a) b (c', state: 'R', args: ['/opt/a b', '--text=two\nlines'] },
    { pid: 41, ppid: 40, user: '', name: 'nginx', state: 'Z', args: [] },
  ])
})

test('a process and all that it started can be left out', () => {
  expect(withoutDescendants(parseProcesses(HEADS, OWNERS), 40).map(({ pid }) => pid)).toEqual([1])
})

const process = { pid: 1, ppid: 0, user: 'root', state: 'S' }

test.each([
  ['init', true],
  ['/sbin/init', true],
  ['systemd', true],
  ['sbin/init', false],
  ['splash', false],
])('%s names systemd: %s', (name, named) => {
  expect(isNamed({ ...process, name: 'systemd', args: ['/sbin/init', 'splash'] }, name)).toBe(named)
})

test('a name that the kernel has cut is only that of the right program', () => {
  const script = { ...process, name: 'long-name-of-a-', args: ['python3', '/usr/bin/long-name-of-a-thing'] }
  expect(isNamed(script, 'long-name-of-a-thing')).toBe(true)
  expect(isNamed(script, 'long-name-of-a-house')).toBe(false)
})
