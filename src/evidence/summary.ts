import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { Date } from '../node-globals.js'
import { formatBytes, formatMilliseconds } from '../units.js'
import type { TimelineEntry } from '../vm/timeline.js'
import type { FailedUnitOf } from './collect-evidence.js'
import { headline } from './commands-text.js'
import type { Fault } from './failure.js'
import { GUEST_FILES } from './guest-look.js'
import type { ReportedError, TestOutcome } from './test-outcome.js'
import type { EvidenceFolder, VmHistory } from './test-record.js'
import type { Verdict } from './verdict.js'

/** Its name in a bundle. */
export const SUMMARY = 'summary.txt'

export interface SummaryOptions {
  test: TestOutcome
  verdict: Verdict
  vms: readonly VmHistory[]
  folder: EvidenceFolder
  /** What could not be collected, one line each. */
  missing: readonly string[]
  kept: ReadonlyMap<string, number>
  failedUnits: readonly FailedUnitOf[]
}

const LAST_STEPS = 15

const FAULTS: Record<Fault, string> = {
  product: 'Of what is tested, or of the test itself: the harness and the host worked.',
  harness: 'Most likely of the harness or the host, not of what is tested.',
}

const FILES: Record<string, string> = {
  [SUMMARY]: 'this page',
  'record.json': 'all of it for programs',
  'host.txt': 'the computer that ran the test: memory, load, disk space, versions',
  'console.log': 'everything that the machine printed on its serial console',
  'commands.txt': 'what the test did to the machine, with output and times',
  'qemu.txt': "the virtual machine's process: state, ports, its own messages, command line",
  'screenshot.png': "the machine's display",
  ...GUEST_FILES,
}

/** The page to begin with, for somebody who sees such a folder for the first time. */
export function summaryText({ test, verdict, vms, folder, missing, kept, failedUnits }: SummaryOptions): string {
  const { path, startedAt, endedAt, errors } = test
  const { fault, reason } = verdict
  const when = new Date(startedAt).toISOString().replace('T', ' ').slice(0, 19)
  const sections: [string, string[]][] = [
    ['What failed', [path.join(' > '), `at ${when} UTC, after ${formatMilliseconds(endedAt - startedAt)}`]],
    [errors.length > 1 ? 'Errors' : 'Error', errors.flatMap(describeError)],
    ['Whose failure', [FAULTS[fault], ...(reason ? [reason] : [])]],
    ['Machines', vms.flatMap(describeVm)],
    ['Failed units, and what they said last', failedUnits.flatMap(describeUnit)],
    ['The last steps', lastSteps(vms, startedAt)],
    ['In this folder', filesOf(folder)],
    ['Not collected', [...missing]],
    ['Look around in the machine, as it was when the test failed', howToOpen(folder, kept)],
  ]
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}`.trimEnd()).join('\n')}\n`)
    .join('\n')
}

function describeError({ name = 'Error', message = '' }: ReportedError): string[] {
  const text = stripVTControlCharacters(message).trimEnd()
  return (name === 'Error' || name.endsWith('AssertionError') ? text : `${name}: ${text}`).split('\n')
}

function describeVm({ id, name, guest, accelerator, state, timeline, findings }: VmHistory): string[] {
  const notes = timeline.filter(({ kind }) => kind === 'note').slice(-5)
  return [
    `${name}: ${guest} (${id}), ${state} at the end; ${accelerator === 'tcg' ? 'emulated, without hardware acceleration' : accelerator}`,
    ...notes.map(({ title }) => `  ${title.split('\n')[0]}`),
    ...findings.map(({ kind, line }) => `  on its console: ${kind}: ${line}`),
  ]
}

function describeUnit({ vm, name, lines }: FailedUnitOf): string[] {
  return [`${name} on ${vm}`, ...lines.map((line) => `  ${line}`)]
}

/** Of all machines in the order of time: what was done last is what people look for first. */
function lastSteps(vms: readonly VmHistory[], startedAt: number): string[] {
  const steps = vms
    .flatMap(({ name, timeline }) => timeline.map((entry): [string, TimelineEntry] => [name, entry]))
    .filter(([, { kind }]) => kind !== 'console')
    .sort(([, a], [, b]) => a.at - b.at)
  const width = Math.max(...vms.map(({ name }) => name.length))
  const label = (name: string) => (vms.length > 1 ? `${name.padEnd(width)}  ` : '')
  const left = steps.length - LAST_STEPS
  return [
    ...(left > 0 ? [`(${left} more before these: see commands.txt)`] : []),
    ...steps.slice(-LAST_STEPS).map(([name, entry]) => `${label(name)}${headline(entry, startedAt)}`),
  ]
}

function filesOf({ files }: EvidenceFolder): string[] {
  const shown = files.filter((file) => !/\/machine\//.test(file))
  const width = Math.max(...shown.map((file) => file.length))
  return shown.map((file) => `${file.padEnd(width)}  ${FILES[file.split('/').at(-1)!] ?? ''}`)
}

function howToOpen({ directory }: EvidenceFolder, kept: ReadonlyMap<string, number>): string[] {
  const path = relative(process.cwd(), directory) || '.'
  if (kept.size === 0) return ['It is gone. Run the test again with MAYFLY_KEEP=1 to keep it.']
  return [...kept].map(([name, bytes]) => {
    const vm = kept.size > 1 ? ` --vm ${name}` : ''
    return `npx mayfly open ${path}${vm}    (${formatBytes(bytes)})`
  })
}
