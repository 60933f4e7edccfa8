import { stat } from 'node:fs/promises'
import type { RunnerTestCase } from 'vitest'
import { GuestAssertionError } from '../errors.js'
import { scanConsole } from '../evidence/console-scan.js'
import { consoleOf, type TestMachine } from '../evidence/machine.js'
import { recordOf, type TestOutcome } from '../evidence/test-outcome.js'
import type { Finding, TestMeta, TestRecord } from '../evidence/test-record.js'
import { judge } from '../evidence/verdict.js'
import { performance } from '../node-globals.js'
import type { Vm } from '../vm/vm.js'
import type { EvidenceSettings } from './evidence-options.js'
import { markRetriable } from './infra-retry.js'
import { say } from './line-progress.js'
import { writeRecord } from './record-file.js'
import { pathOf } from './task-names.js'
import type { Tenancy } from './tenancy.js'

interface AttemptFields {
  task: RunnerTestCase
  tenancy: Tenancy
  settings: EvidenceSettings
  /** Whether the machines end with it. */
  last: boolean
}

/** One try of one test, from before its machines are there until it has been decided, and the place where that is explained. */
export class Attempt {
  readonly #fields: AttemptFields
  readonly #startedAt = performance.timeOrigin + performance.now()
  readonly #errorsBefore: number
  /** Where the console's output of this attempt begins, for machines that were there already, in bytes. */
  readonly #consoles = new Map<Vm, number>()
  #complaint: Error | undefined
  /** Whether the test's own end has passed: then the clean-up comes from around it, and nobody asks any more. */
  #told = false

  private constructor(fields: AttemptFields) {
    this.#fields = fields
    this.#errorsBefore = fields.task.result?.errors?.length ?? 0
  }

  static async begin(fields: AttemptFields): Promise<Attempt> {
    const attempt = new Attempt(fields)
    for (const { vm } of fields.tenancy.machines) {
      const size = await stat(vm.console.logPath).then(
        ({ size }) => size,
        () => 0,
      )
      attempt.#consoles.set(vm, size)
    }
    // vitest counts an error of a clean-up twice, for it calls all of them again.
    fields.task.context.onTestFinished(() => attempt.tell())
    return attempt
  }

  /** @throws GuestAssertionError what is wrong with a test that passes. */
  tell(): void {
    this.#told = true
    if (this.#complaint) throw this.#complaint
  }

  /**
   * Explains a failure, or what the consoles say though there is none. The machines are still there.
   * What `tell` throws is found here: MAYFLY_CONSOLE when a test that passes is to fail for that, MAYFLY_INVARIANT_BROKEN when
   * the test does not tell of that itself.
   */
  async end(): Promise<void> {
    const { task, tenancy, settings, last } = this.#fields
    const { result } = task
    if (last) await tenancy.stop()
    if (!result || result.state === 'skip') return
    // Nothing more has to be found out about a test that has failed.
    const ends = tenancy.machines.map(({ vm }) => vm.endInvariants(result.state === 'pass'))
    const broken = (await Promise.all(ends)).flat()
    const machines = await Promise.all(tenancy.machines.map((machine) => this.#scanned(machine)))
    for (const { vm } of machines) vm.expectedFindings.clear()
    const errors = result.state === 'fail' ? (result.errors ?? []).slice(this.#errorsBefore) : []
    const unheard = broken.find(({ shortMessage }) => !errors.some(({ message }) => message.includes(shortMessage)))
    const complaint = unheard ?? (errors.length === 0 && !task.fails ? consoleError(machines, settings) : undefined)
    const outcome: TestOutcome = {
      path: pathOf(task),
      startedAt: this.#startedAt,
      endedAt: performance.timeOrigin + performance.now(),
      errors: complaint ? [...errors, complaint] : errors,
      machines,
      lost: tenancy.lost,
      judge: () => judge(tenancy.machines, tenancy.lost, errors),
    }
    const failed = complaint !== undefined || (task.fails ? errors.length === 0 : errors.length > 0)
    if (failed) await this.#explain(outcome, complaint ?? errors[0])
    else await this.#report(outcome)
    this.#complaint = complaint
    if (this.#told) this.tell()
  }

  async #scanned(machine: TestMachine): Promise<TestMachine & { findings: Finding[] }> {
    const { expectedFindings, timeline } = machine.vm
    const console = await consoleOf(machine.vm, this.#consoles.get(machine.vm))
    const isExpected = (finding: Pick<Finding, 'kind' | 'line'>) =>
      expectedFindings.has(finding) || (finding.kind === 'panic' && timeline.isFalsePanic(finding.line))
    return { ...machine, findings: scanConsole(console, this.#fields.settings.console, isExpected) }
  }

  async #explain(outcome: TestOutcome, error: { message?: string } | undefined): Promise<void> {
    const { task, settings, last } = this.#fields
    // Only a failure needs all that.
    const { explain } = await import('./explain.js')
    const { verdict, evidence } = await explain({ task, settings, outcome, error })
    task.meta.mayfly = {
      ...(evidence ? { record: evidence.recordPath, evidence: evidence.directory } : {}),
      ...(await this.#meta(outcome, evidence?.record)),
      failure: verdict.fault,
    }
    // vitest does not run a fixture again that has failed, and its signal stays aborted after a timeout.
    const again = last && verdict.fault === 'harness' && outcome.lost.length === 0 && !task.context.signal.aborted
    markRetriable(task, again)
  }

  /** Of a test that passes. */
  async #report(outcome: TestOutcome): Promise<void> {
    const { task } = this.#fields
    const findings = outcome.machines.flatMap(({ name, findings }) => findings.map((finding) => ({ name, ...finding })))
    const meta = { ...task.meta.mayfly, ...(await this.#meta(outcome)) }
    delete meta.failure
    if (Object.keys(meta).length > 0) task.meta.mayfly = meta
    const [first, ...more] = findings
    if (!first || task.fails) return
    const others = more.length > 0 ? `, and ${more.length} more` : ''
    say(`${outcome.path.join(' > ')} passed, but ${first.name} said (${first.kind}): ${first.line}${others}`)
  }

  async #meta(outcome: TestOutcome, record?: TestRecord): Promise<TestMeta> {
    const { task } = this.#fields
    const findings = outcome.machines.flatMap(({ findings }) => findings)
    const { harnessRetries, harnessAttempts } = task.meta.mayfly ?? {}
    const path = await writeRecord(task, () => record ?? recordOf(outcome))
    return {
      ...(path ? { record: path } : {}),
      ...(harnessRetries ? { harnessRetries } : {}),
      ...(harnessAttempts ? { harnessAttempts } : {}),
      ...(findings.length > 0 ? { findings } : {}),
    }
  }
}

function consoleError(
  machines: readonly (TestMachine & { findings: readonly Finding[] })[],
  { console }: EvidenceSettings,
): GuestAssertionError | undefined {
  if (!console.fail) return undefined
  const details = machines.flatMap(({ name, findings }) =>
    findings.filter(({ severity }) => severity === 'error').map(({ kind, line }) => `${name}: ${kind}: ${line}`),
  )
  if (details.length === 0) return undefined
  return new GuestAssertionError('MAYFLY_CONSOLE', 'the test passed, but a console tells of an error', {
    details,
    hint: "If the test brings it about on purpose: vm.expectFinding('<kind>'). For a whole suite: console: { severity: { <kind>: 'ignore' } }.",
  })
}
