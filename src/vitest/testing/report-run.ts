import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { execa } from 'execa'
import type { Summary, TestDetails, TestRow } from '../../report/model.js'

export const VITEST = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url))
export const REPORT_CONFIG = fileURLToPath(new URL('../../../fixtures/report/vitest.config.ts', import.meta.url))

export interface ReportRun {
  exitCode: number | undefined
  output: string
}

/** Runs suites of fixtures/report, with the reporter, in a vitest of their own. */
export async function runReported(
  directory: string,
  suites: readonly string[],
  {
    args = [],
    env = {},
    config = REPORT_CONFIG,
  }: { args?: readonly string[]; env?: NodeJS.ProcessEnv; config?: string } = {},
): Promise<ReportRun> {
  const { exitCode, all } = await execa(process.execPath, [VITEST, 'run', '--config', config, ...args, ...suites], {
    all: true,
    // One that hangs must not outlive its test.
    timeout: 25_000,
    killSignal: 'SIGKILL',
    reject: false,
    env: { REPORT_FILE: reportIn(directory), TMPDIR: directory, NO_COLOR: '1', ...env },
  })
  return { exitCode, output: all }
}

export function reportIn(directory: string): string {
  return join(directory, 'report.html')
}

export interface ReadReport extends Summary {
  row(name: string): TestRow
  details(name: string): TestDetails
}

/** What a page holds. */
export function readReport(path: string): ReadReport {
  const html = readFileSync(path, 'utf8')
  const content = (id: string) => new RegExp(`id="${id}">([^<]*)</script>`).exec(html)?.[1] ?? ''
  const summary: Summary = JSON.parse(content('summary'))
  const details: TestDetails[] = JSON.parse(gunzipSync(Buffer.from(content('details'), 'base64')).toString())
  const indexOf = (name: string) => {
    const index = summary.tests.findIndex((test) => test.name === name)
    if (index < 0) throw new Error(`the report has no test called ${name}`)
    return index
  }
  return { ...summary, row: (name) => summary.tests[indexOf(name)]!, details: (name) => details[indexOf(name)]! }
}
