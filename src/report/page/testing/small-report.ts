import type { Entry, Machine, Report, TestDetails, TestRow } from '../../model.js'

const EMPTY: TestDetails = { errors: [], machines: [], output: [], annotations: [], files: [], notes: [] }

/** A run of four tests, one of which failed and one of which was skipped, with whatever a test wants to be different. */
export function smallReport(failed: { row?: Partial<TestRow>; details?: Partial<TestDetails> } = {}): Report {
  const message = 'expected 502 to be 200'
  return {
    summary: {
      run: {
        title: 'shop: test report',
        startedAt: Date.UTC(2026, 10, 21, 12),
        durationMs: 4200,
        outcome: 'failed',
        facts: [{ label: 'QEMU', value: '7.2.22' }],
        notes: [],
        errors: [],
      },
      tests: [
        row('a', 'lists its goods'),
        row('b', 'takes an order'),
        row('c', 'sends a bill', { state: 'failed', message, failure: 'product', ...failed.row }),
        row('d', 'is translated', { state: 'skipped' }),
      ],
    },
    details: [
      { ...EMPTY, machines: [machine('vm', [command('cat /var/lib/goods', 'apples\nquinces\n')])] },
      { ...EMPTY, machines: [machine('vm', [{ kind: 'console', at: 3, title: 'order 17 is in\n' }])] },
      {
        ...EMPTY,
        errors: [{ name: 'AssertionError', message, frames: [] }],
        machines: [machine('shop', [command('curl localhost', 'Bad gateway\n')]), machine('bank', [])],
        ...failed.details,
      },
      EMPTY,
    ],
    pictures: {},
  }
}

function row(id: string, name: string, more: Partial<TestRow> = {}): TestRow {
  const common = {
    suites: ['the shop'],
    file: 'shop.test.ts',
    retries: 0,
    harnessRetries: 0,
    findings: [],
    machines: 1,
  }
  return { id, name, state: 'passed', durationMs: 700, startedAt: Date.UTC(2026, 10, 21, 12), ...common, ...more }
}

export function machine(name: string, entries: readonly Entry[]): Machine {
  const facts = { guest: 'micro', accelerator: 'tcg', state: 'running', launch: 'from the pool in 40 ms', findings: [] }
  return { id: `${name}-1`, name, ...facts, entries }
}

export function command(title: string, stdout: string, more: Partial<Entry> = {}): Entry {
  return { kind: 'command', at: 12, durationMs: 8, title, result: 'exit code 0', stdout, ...more }
}
