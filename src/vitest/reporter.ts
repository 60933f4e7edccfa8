import '../node-globals.js'
import { dirname, relative, resolve } from 'node:path'
import type { SerializedError, UserConsoleLog } from 'vitest'
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node'
import { MayflyError, messageOf } from '../errors.js'
import { ignoreInGit } from '../evidence/bundle.js'
import { Date } from '../node-globals.js'
import type { Output } from '../report/model.js'
import { RecordsDirectory } from './records-directory.js'

export interface MayflyReporterOptions {
  /** The page, from vitest's root. Default `'.mayfly/report.html'`, beside the evidence of failures. */
  outputFile?: string | undefined
}

const DEFAULT_OUTPUT_FILE = '.mayfly/report.html'
/** A test that prints without end must not fill the memory of the run. */
const MOST_OUTPUT = 64 * 1024

/**
 * Writes one HTML page of the run: what every test did to its machines, failures first.
 * What goes wrong here is said, and never fails the run.
 */
// biome-ignore lint/style/noDefaultExport: vitest takes a reporter that is given by name from there
export default class MayflyReporter implements Reporter {
  readonly #outputFile: string
  readonly #output = new Map<string, { size: number; pieces: Output[] }>()
  #vitest: Vitest | undefined
  #records: RecordsDirectory | undefined
  #startedAt = Date.now()

  constructor({ outputFile = DEFAULT_OUTPUT_FILE }: MayflyReporterOptions = {}) {
    if (typeof outputFile !== 'string' || outputFile === '') {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `outputFile is no path: ${JSON.stringify(outputFile)}`, {
        hint: `Give the reporter a path such as '${DEFAULT_OUTPUT_FILE}', or nothing.`,
      })
    }
    this.#outputFile = outputFile
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
    // A merge runs no test.
    if (vitest.config.mergeReports) return
    try {
      const records = new RecordsDirectory()
      this.#records = records
      vitest.onClose(() => records[Symbol.dispose]())
    } catch (error) {
      this.#say(`no records of the machines in the report: ${messageOf(error)}`)
    }
  }

  onTestRunStart(): void {
    this.#startedAt = Date.now()
  }

  onTestModuleQueued(module: TestModule): void {
    // A rerun prints anew. Ids of its tests begin with that of the file.
    for (const id of this.#output.keys()) if (id.startsWith(module.id)) this.#output.delete(id)
  }

  onUserConsoleLog({ taskId, content, time, type }: UserConsoleLog): void {
    if (taskId === undefined) return
    const output = this.#output.get(taskId) ?? { size: 0, pieces: [] }
    this.#output.set(taskId, output)
    if (output.size > MOST_OUTPUT) return
    output.size += content.length
    output.pieces.push({ at: time, stream: type, text: content.slice(0, MOST_OUTPUT) })
  }

  async onTestRunEnd(
    _modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    outcome: TestRunEndReason,
  ): Promise<void> {
    const vitest = this.#vitest
    if (!vitest) return
    const { root } = vitest.config
    const outputFile = resolve(root, this.#outputFile)
    try {
      // A run that waits for its tests has no use for it before.
      const { writeReport } = await import('../report/write-report.js')
      if (this.#outputFile === DEFAULT_OUTPUT_FILE) await ignoreInGit(dirname(outputFile))
      await writeReport({
        root,
        outputFile,
        outcome,
        unhandled,
        // All that this process has run: a rerun in watch mode is of some files.
        modules: vitest.state.getTestModules(),
        startedAt: this.#startedAt,
        durationMs: Date.now() - this.#startedAt,
        records: this.#records?.path,
        output: new Map([...this.#output].map(([id, { pieces }]) => [id, pieces])),
        vitestVersion: vitest.version,
      })
      this.#say(`report ${relative(process.cwd(), outputFile)}`)
    } catch (error) {
      this.#say(`the report could not be written: ${messageOf(error)}`)
    }
  }

  #say(line: string): void {
    this.#vitest?.logger.log(`mayfly: ${line}`)
  }
}
