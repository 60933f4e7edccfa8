import type { Entry, Machine, Report, TestDetails, TestRow } from '../../model.js'

/** A run of many tests, each with two machines and some dozens of steps: about what a big suite leaves. */
export function largeReport(tests: number): Report {
  const indexes = Array.from({ length: tests }, (_, index) => index)
  return {
    summary: {
      run: {
        title: 'large: test report',
        startedAt: Date.UTC(2026, 10, 21, 12),
        durationMs: tests * 800,
        outcome: 'failed',
        facts: [{ label: 'Accelerator', value: 'tcg' }],
        notes: [],
        errors: [],
      },
      tests: indexes.map(row),
    },
    details: indexes.map(details),
    pictures: {},
  }
}

function row(index: number): TestRow {
  const failed = index % 250 === 249
  return {
    id: `file${Math.floor(index / 20)}_${index}`,
    name: `keeps record ${index} of its ledger`,
    suites: ['the ledger', `shard ${index % 7}`],
    file: `tests/ledger-${Math.floor(index / 20)}.guest.test.ts`,
    state: failed ? 'failed' : index % 50 === 7 ? 'skipped' : 'passed',
    startedAt: Date.UTC(2026, 10, 21, 12) + index * 800,
    durationMs: 300 + ((index * 37) % 900),
    ...(failed && { message: `expected ${index} to be ${index + 1}`, failure: 'product' as const }),
    retries: 0,
    harnessRetries: 0,
    findings: [],
    machines: 2,
  }
}

function details(index: number): TestDetails {
  const failed = index % 250 === 249
  const error = { name: 'AssertionError', message: `expected ${index} to be ${index + 1}`, frames: [] }
  return {
    errors: failed ? [error] : [],
    machines: ['primary', 'replica'].map((name) => machine(name, index)),
    output: [],
    annotations: [],
    files: [],
    notes: [],
  }
}

function machine(name: string, index: number): Machine {
  return {
    id: `${name}-${index}`,
    name,
    guest: 'debian',
    accelerator: 'tcg',
    state: 'running',
    launch: 'from the pool in 41 ms',
    findings: [],
    entries: Array.from({ length: 25 }, (_, step) => entry(index, step)),
  }
}

function entry(index: number, step: number): Entry {
  const at = step * 14.3
  if (step % 5 === 0) {
    const lines = Array.from({ length: 6 }, (_, line) => `[${(at + line) / 1000}] ledger[${index}]: wrote page ${line}`)
    return { kind: 'console', at, durationMs: 3, title: `${lines.join('\n')}\n` }
  }
  if (step % 7 === 3)
    return { kind: 'wait', at, durationMs: 11, title: `port ${5000 + step} to be open`, result: '3 attempts' }
  const stdout = Array.from({ length: 12 }, (_, line) => `${index}\t${line}\t${(index * 7919 + line * 104729) % 1e9}`)
  return {
    kind: 'command',
    at,
    durationMs: 9.4,
    title: `psql -c 'select * from ledger where id = ${index * 31 + step}'`,
    result: 'exit code 0',
    stdout: `${stdout.join('\n')}\n`,
  }
}
