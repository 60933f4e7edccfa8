import { historyOf, historyOfLost, type LostMachine, type TestMachine } from './machine.js'
import type { Finding, TestRecord } from './test-record.js'
import type { Verdict } from './verdict.js'

/** An error as vitest reports it. */
export interface ReportedError {
  name?: string | undefined
  message?: string | undefined
}

/** What is known of a test when it has been decided. */
export interface TestOutcome {
  /** File, suites and test, outermost first. */
  path: readonly string[]
  /** Milliseconds since the epoch. */
  startedAt: number
  endedAt: number
  errors: readonly ReportedError[]
  /** Asked as late as can be: a connection breaks before the machine has gone down that broke it. */
  judge: () => Verdict
  machines: readonly (TestMachine & { findings: readonly Finding[] })[]
  lost: readonly LostMachine[]
}

/** The same for whoever reads it later. */
export function recordOf(test: TestOutcome): TestRecord {
  const vms = [
    ...test.machines.map((machine) => historyOf(machine, test, machine.findings)),
    ...test.lost.map((machine) => historyOfLost(machine, test.endedAt)),
  ]
  return { version: 1, vms }
}
