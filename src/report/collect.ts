import { join, relative } from 'node:path'
import type { SerializedError } from 'vitest'
import type { TestCase, TestModule, TestSuite } from 'vitest/node'
import type { TestMeta, TestRecord } from '../evidence/test-record.js'
import { evidenceFiles, evidenceOf } from './evidence-files.js'
import { type MachineContext, machineOf } from './machine.js'
import type { Machine, Output, OutsideError, ReportedError, TestDetails, TestRow, TestState } from './model.js'
import { Pictures } from './pictures.js'
import { readRecord } from './read-record.js'
import { ErrorReader } from './reported-error.js'
import { TextBudget } from './text-budget.js'

export interface CollectOptions {
  /** Of the run: files are named from there. */
  root: string
  /** Where the page will be: links start there. */
  outputFile: string
  /** What tests printed, by the test's id. */
  output: ReadonlyMap<string, readonly Output[]>
  /** Where records are, each with the name of its test; undefined if the results come from other runs. */
  records: string | undefined
}

export interface Collected {
  tests: TestRow[]
  details: TestDetails[]
  errors: OutsideError[]
  pictures: Readonly<Record<string, string>>
  notes: string[]
}

/** Reads what the workers left, and puts it together with what vitest says of the tests. */
export async function collect(
  modules: readonly TestModule[],
  unhandled: readonly SerializedError[],
  options: CollectOptions,
): Promise<Collected> {
  const collector = new Collector(options)
  for (const error of unhandled) await collector.outside('Outside of any test', error)
  // Not in the order in which their workers happened to end.
  const sorted = modules.toSorted((one, other) => one.moduleId.localeCompare(other.moduleId))
  for (const module of sorted) await collector.module(module)
  return await collector.collect()
}

class Collector {
  readonly #options: CollectOptions
  readonly #errors: ErrorReader
  readonly #budget = new TextBudget()
  readonly #pictures = new Pictures()
  readonly #tests: { test: TestCase; file: string }[] = []
  readonly #outside: OutsideError[] = []

  constructor(options: CollectOptions) {
    this.#options = options
    this.#errors = new ErrorReader(options.root)
  }

  async outside(where: string, error: SerializedError, file?: string): Promise<void> {
    this.#outside.push({ where, error: await this.#errors.read(error, file) })
  }

  async module(module: TestModule): Promise<void> {
    const file = relative(this.#options.root, module.moduleId)
    for (const error of module.errors()) await this.outside(file, error, module.moduleId)
    for (const suite of module.children.allSuites()) {
      for (const error of suite.errors()) await this.outside(`${file} > ${suite.fullName}`, error, module.moduleId)
    }
    for (const test of module.children.allTests()) this.#tests.push({ test, file })
  }

  async collect(): Promise<Collected> {
    const read = new Map<TestCase, { row: TestRow; details: TestDetails }>()
    // Failures first: there must be room for what they say, whatever the others take.
    const urgent = this.#tests.toSorted((one, other) => Number(isFine(one.test)) - Number(isFine(other.test)))
    for (const { test, file } of urgent) read.set(test, await this.#test(test, file))
    const tests = this.#tests.map(({ test }) => read.get(test)!)
    const notes: string[] = []
    if (this.#options.records === undefined)
      notes.push('There are no records of machines: of merged results, each run has them in its own report.')
    if (this.#budget.cut > 0)
      notes.push(`${this.#budget.cut} long texts are not whole, so that this page opens quickly.`)
    return {
      tests: tests.map(({ row }) => row),
      details: tests.map(({ details }) => details),
      errors: this.#outside,
      pictures: this.#pictures.uris,
      notes,
    }
  }

  async #test(test: TestCase, file: string): Promise<{ row: TestRow; details: TestDetails }> {
    const result = test.result()
    const diagnostic = test.diagnostic()
    const meta: TestMeta = test.meta().mayfly ?? {}
    const state: TestState = result.state === 'pending' ? 'unfinished' : result.state
    const errors = []
    for (const error of result.errors ?? []) errors.push(await this.#errors.read(error, test.module.moduleId))

    const notes: string[] = []
    if (state === 'unfinished') notes.push('How this test ended is not known: its worker died, or the run was ended.')
    const record = await this.#record(test, meta, notes)
    const startedAt = diagnostic?.startTime
    const machines = record ? await this.#machines(record, { startedAt, failed: state !== 'passed' }) : []
    const directory = record?.evidence?.directory ?? meta.evidence
    const evidence = directory === undefined ? undefined : evidenceOf(directory, record, this.#options)
    const row: TestRow = {
      id: test.id,
      name: test.name,
      suites: suitesAround(test),
      file,
      ...lineOf(test, file, errors),
      ...(test.project.name && { project: test.project.name }),
      state,
      ...(result.state === 'skipped' && result.note && { reason: result.note }),
      ...(startedAt !== undefined && { startedAt, durationMs: diagnostic!.duration }),
      ...(state !== 'passed' && errors[0] && { message: beginningOf(errors[0].message) }),
      ...(meta.failure && { failure: meta.failure }),
      retries: (diagnostic?.retryCount ?? 0) - (meta.harnessAttempts ?? 0),
      harnessRetries: meta.harnessRetries ?? 0,
      findings: meta.findings ?? machines.flatMap(({ findings }) => findings),
      machines: machines.length,
      ...(evidence && { evidence }),
    }
    const details: TestDetails = {
      errors,
      machines,
      output: (this.#options.output.get(test.id) ?? []).map(({ at, stream, text }) => ({
        at: at - (startedAt ?? at),
        stream,
        text: this.#budget.fit(text, 16 * 1024),
      })),
      annotations: test.annotations().map(({ type, message }) => (type === 'notice' ? message : `${type}: ${message}`)),
      files: record?.evidence
        ? await evidenceFiles(record.evidence, { budget: this.#budget, pictures: this.#pictures })
        : [],
      notes,
    }
    return { row, details }
  }

  async #record(test: TestCase, meta: TestMeta, notes: string[]): Promise<TestRecord | undefined> {
    const { records } = this.#options
    if (records === undefined) return undefined
    // A worker that died may have written the record, and not told of it.
    const found = await readRecord(meta.record ?? join(records, `${test.id}.json`))
    if (typeof found === 'object') return found
    if (meta.record !== undefined) notes.push(found)
    return undefined
  }

  async #machines(
    record: TestRecord,
    { startedAt, failed }: { startedAt: number | undefined; failed: boolean },
  ): Promise<Machine[]> {
    const first = Math.min(...record.vms.flatMap(({ timeline }) => timeline.map(({ at }) => at)))
    const context: MachineContext = {
      startedAt: startedAt ?? first,
      failed,
      directory: record.evidence?.directory,
      budget: this.#budget,
      pictures: this.#pictures,
    }
    const machines: Machine[] = []
    for (const vm of record.vms) machines.push(await machineOf(vm, context))
    return machines
  }
}

function isFine(test: TestCase): boolean {
  const { state } = test.result()
  return state === 'passed' || state === 'skipped'
}

function suitesAround(test: TestCase): string[] {
  const suites: string[] = []
  for (let parent: TestSuite | TestModule = test.parent; parent.type === 'suite'; parent = parent.parent) {
    suites.unshift(parent.name)
  }
  return suites
}

/** Where it stands, if vitest was asked for that; else where it failed. */
function lineOf(test: TestCase, file: string, errors: readonly ReportedError[]): { line?: number } {
  const line = test.location?.line ?? errors[0]?.frames.find((frame) => frame.file === file)?.line
  return line === undefined ? {} : { line }
}

/** Enough to know the failure again in a list. */
function beginningOf(message: string): string {
  const lines = message.split('\n').slice(0, 12)
  return lines.join('\n').slice(0, 1200)
}
