import { join, relative } from 'node:path'
import { type RunnerTestCase, recordArtifact } from 'vitest'
import { messageOf } from '../errors.js'
import { ignoreInGit } from '../evidence/bundle.js'
import { collectEvidence, type Evidence, type FailedUnitOf, RECORD } from '../evidence/collect-evidence.js'
import type { TestMachine } from '../evidence/machine.js'
import { SUMMARY } from '../evidence/summary.js'
import type { TestOutcome } from '../evidence/test-outcome.js'
import type { TestRecord } from '../evidence/test-record.js'
import { HARNESS_FAILED, type Verdict } from '../evidence/verdict.js'
import { keepMachine } from '../vm/kept.js'
import { DEFAULT_DIRECTORY, type EvidenceSettings } from './evidence-options.js'
import { say } from './line-progress.js'
import { folderOfTask } from './task-names.js'

interface Failure {
  task: RunnerTestCase
  settings: EvidenceSettings
  outcome: TestOutcome
  /** Gets a few lines more. */
  error: { message?: string } | undefined
}

interface Explained {
  verdict: Verdict
  evidence: { directory: string; record: TestRecord; recordPath: string } | undefined
}

/** Collects the evidence of a failed test, and tells of it below the failure and in vitest's report. Never throws. */
export async function explain({ task, settings, outcome, error }: Failure): Promise<Explained> {
  const collected = await collect(task, settings, outcome)
  const verdict = outcome.judge()
  if (error) error.message = [error.message, '', ...linesBelow(outcome, verdict, collected)].join('\n')
  if (!collected) return { verdict, evidence: undefined }
  const { directory } = collected.folder
  const attachments = [{ path: join(directory, SUMMARY), contentType: 'text/plain' }]
  // Experimental in vitest: it must not fail what has failed.
  await recordArtifact(task, { type: 'mayfly:evidence', directory, attachments }).catch((error) =>
    say(`vitest did not take the evidence: ${messageOf(error)}`),
  )
  return { verdict, evidence: { directory, record: collected.record, recordPath: join(directory, RECORD) } }
}

async function collect(
  task: RunnerTestCase,
  { directory, keep }: EvidenceSettings,
  outcome: TestOutcome,
): Promise<Evidence | undefined> {
  if (directory === undefined) return undefined
  try {
    if (directory.endsWith(`/${DEFAULT_DIRECTORY}`)) await ignoreInGit(join(directory, '..'))
    return await collectEvidence(outcome, {
      directory: join(directory, folderOfTask(task)),
      keep: keep ? ({ vm }: TestMachine, to: string) => keepMachine(vm, to) : undefined,
    })
  } catch (error) {
    say(`no evidence of ${outcome.path.join(' > ')}: ${messageOf(error)}`)
    return undefined
  }
}

/** More of what consoles said is in the summary. */
const MOST_FINDINGS = 3
const MOST_UNITS = 2
const MOST_WORDS = 12

function linesBelow(outcome: TestOutcome, { fault, reason }: Verdict, evidence: Evidence | undefined): string[] {
  const [error] = outcome.errors as { code?: string; message?: string }[]
  const why = reason ?? (error?.code ? `[${error.code}]` : '')
  const lines = fault === 'harness' ? [`${HARNESS_FAILED} ${why}`.trimEnd()] : []
  const heard = outcome.machines.flatMap(({ name, findings }) => findings.map((finding) => ({ name, ...finding })))
  for (const { name, kind, line } of heard.slice(0, MOST_FINDINGS)) {
    if (!error?.message?.includes(line)) lines.push(`the console of ${name} said (${kind}): ${line}`)
  }
  if (!evidence) return lines
  lines.push(...evidence.failedUnits.slice(0, MOST_UNITS).flatMap((unit) => lastWords(unit, error?.message ?? '')))
  const path = relative(process.cwd(), evidence.folder.directory) || '.'
  lines.push(`evidence: ${path}`)
  const names = [...evidence.kept.keys()]
  const open = `npx mayfly open ${path}`
  const ways = names.length > 1 ? names.map((name) => `${open} --vm ${name}`) : names.map(() => open)
  lines.push(...ways.map((way, index) => `${index === 0 ? 'look around:' : '         or:'} ${way}`))
  if (names.length > 0) return lines
  if (evidence.record.vms.some(({ state }) => state === 'running' || state === 'suspended')) {
    lines.push(`look around: run it again with MAYFLY_KEEP=1, then ${open}`)
  }
  return lines
}

/** What the unit's own program said, such as a traceback, unless the error shows the end of it already. */
function lastWords({ vm, name, lines }: FailedUnitOf, message: string): string[] {
  if (message.includes(lines.at(-1)!)) return []
  const shown = lines.slice(-MOST_WORDS)
  const cut = shown.length < lines.length ? ', its last lines' : ''
  return [`${name} has failed on ${vm}, and said${cut}:`, ...shown.map((line) => `  ${line}`)]
}
