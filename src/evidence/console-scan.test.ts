import { describe, expect, test } from 'vitest'
import { ExpectedFindings } from '../vm/expected-findings.js'
import { scanConsole } from './console-scan.js'

const kinds = (text: string) => scanConsole(text).map(({ kind }) => kind)

test.each([
  ['panic', '[   12.345678] Kernel panic - not syncing: sysrq triggered crash'],
  ['oops', '[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000000'],
  ['oops', '[   12.345678] Oops: 0002 [#1] PREEMPT SMP NOPTI'],
  ['oops', '[   12.345678][  T123] kernel BUG at mm/slub.c:4201!'],
  ['oops', 'general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] SMP'],
  ['oops', 'BUG: KASAN: use-after-free in foo+0x12/0x40'],
  ['oops', '[    1.5] Unable to handle kernel paging request at virtual address ffff0000'],
  ['lockup', '[  100.0] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [stress:123]'],
  ['rcu-stall', '[  100.0] rcu: INFO: rcu_sched self-detected stall on CPU'],
  ['hung-task', '[  242.9] INFO: task dd:345 blocked for more than 120 seconds.'],
  ['oom-kill', '[   33.1] Out of memory: Killed process 312 (eater) total-vm:9000kB, anon-rss:8000kB'],
  ['oom-kill', '[   33.1] Memory cgroup out of memory: Killed process 312 (eater) total-vm:9000kB'],
  ['segfault', '[   33.1] broken[412]: segfault at 0 ip 00005581d3c6a139 sp 00007ffd error 6 in broken[5581+1000]'],
  ['segfault', '[   33.1] traps: broken[412] general protection fault ip:5581 sp:7ffd error:0'],
  ['kernel-warning', '[    7.7] WARNING: CPU: 0 PID: 77 at kernel/foo.c:12 foo+0x1/0x2'],
  ['io-error', '[    7.7] I/O error, dev vda, sector 2048 op 0x0:(READ) flags 0x0'],
  ['io-error', '[    7.7] Buffer I/O error on device vda1, logical block 1'],
  ['filesystem-error', '[    7.7] EXT4-fs error (device vda): ext4_find_entry:1455: inode #2: comm ls: bad entry'],
  ['failed-unit', '[\u001b[0;1;31mFAILED\u001b[0m] Failed to start nginx.service - A web server.'],
  ['failed-unit', "[   40.2] systemd[1]: nginx.service: Failed with result 'exit-code'."],
  ['emergency-mode', 'You are in emergency mode. After logging in, type "journalctl -xb"'],
])('%s: %s', (kind, line) => expect(kinds(`before\r\n${line}\r\nafter\r\n`)).toEqual([kind]))

test.each([
  'micro login: root',
  '[    0.000000] Linux version 6.1.0 (gcc) debug BUGS: none',
  '[    1.1] EXT4-fs (vda): mounted filesystem with ordered data mode',
  '[    1.1] systemd[1]: Started nginx.service - A web server.',
  '[  OK  ] Started nginx.service.',
  '[   33.1] eater invoked oom-killer: gfp_mask=0x140dca, order=0, oom_score_adj=0',
  'PANIC is what my program says of itself',
])('nothing bad: %s', (line) => expect(kinds(line)).toEqual([]))

test('a line is shown without colours, the time and line ends', () => {
  const [finding] = scanConsole('[   12.3] \u001b[31mKernel panic - not syncing: no reason\u001b[0m\r\n')
  expect(finding).toEqual({ kind: 'panic', severity: 'error', line: 'Kernel panic - not syncing: no reason' })
})

test('the same thing again, with other numbers, is one finding', () => {
  const lines = Array.from(
    { length: 50 },
    (_, index) => `[  ${index}.1] prog[${index}]: segfault at ${index}f ip 0${index}`,
  )
  expect(kinds(lines.join('\n'))).toEqual(['segfault'])
})

test('no more findings than anybody reads', () => {
  const lines = Array.from({ length: 50 }, (_, index) => `${'x'.repeat(index + 1)}[1]: segfault at 0 ip 0`)
  expect(kinds(lines.join('\n'))).toHaveLength(20)
})

describe('options', () => {
  const text = 'Kernel panic - not syncing: on purpose\nmyd: FATAL no config\nOut of memory: Killed process 1 (a)'

  test('a kind can be ignored, or taken more seriously', () => {
    const severity = { panic: 'ignore', 'oom-kill': 'error' } as const
    expect(scanConsole(text, { severity })).toMatchObject([{ kind: 'oom-kill', severity: 'error' }])
  })

  test('rules of the user go first', () => {
    const rules = [
      { kind: 'myd', pattern: /^myd: FATAL/, severity: 'error' },
      { kind: 'planned', pattern: /on purpose/, severity: 'ignore' },
    ] as const
    expect(scanConsole(text, { rules }).map(({ kind }) => kind)).toEqual(['myd', 'oom-kill'])
  })

  test('a pattern with the global flag finds every line', () => {
    const rules = [{ kind: 'it', pattern: /it/g, severity: 'warning' }] as const
    expect(scanConsole('it one\nit two', { rules })).toHaveLength(2)
  })
})

test('findings that are expected are left out, and do not use up the most that are kept', () => {
  const failed = (unit: string) => `systemd[1]: ${unit}: Failed with result 'exit-code'.`
  const many = Array.from({ length: 40 }, (_, index) => failed(`${'x'.repeat(index + 1)}.service`))
  const expected = new ExpectedFindings()
  expected.add('failed-unit', /^systemd\[1\]: x+\.service/g)
  expected.add('segfault')
  const console = [...many, 'web[12]: segfault at 0 ip 0', failed('web1.service'), failed('x.service')].join('\n')
  const found = scanConsole(console, {}, (finding) => expected.has(finding))
  expect(found.map(({ line }) => line)).toEqual([failed('web1.service')])
  expected.add('failed-unit', 'web1')
  expect(scanConsole(console, {}, (finding) => expected.has(finding))).toEqual([])
  expected.clear()
  expect(scanConsole(console, {}, (finding) => expected.has(finding))).toHaveLength(20)
})
