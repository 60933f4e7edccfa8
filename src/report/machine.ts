import { isAbsolute, join } from 'node:path'
import type { VmHistory } from '../evidence/test-record.js'
import type { LaunchTimings } from '../snapshot/timings.js'
import { formatMilliseconds } from '../units.js'
import type { TimelineEntry } from '../vm/timeline.js'
import type { Entry, Machine } from './model.js'
import type { Pictures } from './pictures.js'
import type { TextBudget } from './text-budget.js'

export interface MachineContext {
  /** Of the test, in milliseconds since the epoch. */
  startedAt: number
  /** More of the output is kept. */
  failed: boolean
  /** Where relative files are. */
  directory: string | undefined
  budget: TextBudget
  pictures: Pictures
}

const OUTPUT_OF_FAILED = 16 * 1024
const OUTPUT_OF_PASSED = 4 * 1024

/** One machine of a test as the page shows it. */
export async function machineOf(vm: VmHistory, context: MachineContext): Promise<Machine> {
  const entries: Entry[] = []
  for (const entry of vm.timeline) entries.push(await entryOf(entry, context))
  return {
    id: vm.id,
    name: vm.name,
    guest: vm.guest,
    accelerator: vm.accelerator,
    state: vm.state,
    launch: describeLaunch(vm.timings),
    findings: vm.findings ?? [],
    entries,
  }
}

async function entryOf(entry: TimelineEntry, context: MachineContext): Promise<Entry> {
  const { budget, failed, startedAt } = context
  const most = failed ? OUTPUT_OF_FAILED : OUTPUT_OF_PASSED
  const { kind, durationMs, result, file } = entry
  const picture = file === undefined ? undefined : await context.pictures.add(located(file, context.directory))
  return {
    kind,
    at: tenths(entry.at - startedAt),
    ...(durationMs !== undefined && { durationMs: tenths(durationMs) }),
    title: budget.fit(String(entry.title), most),
    ...(result && { result: budget.fit(result, most) }),
    ...(entry.failed && { failed: true }),
    ...(entry.stdout && { stdout: budget.fit(entry.stdout, most) }),
    ...(entry.stderr && { stderr: budget.fit(entry.stderr, most) }),
    ...(picture ? { picture } : file !== undefined && { file }),
  }
}

function located(file: string, directory: string | undefined): string {
  return isAbsolute(file) || directory === undefined ? file : join(directory, file)
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}

function describeLaunch(timings: LaunchTimings): string {
  const { prepare, spawn, load, connect, fixup, pooled } = timings
  if (prepare + spawn + load + connect === 0) return ''
  if (pooled) return `from the pool in ${formatMilliseconds(load + fixup)}`
  const parts = { prepare, spawn, load, connect }
  const named = Object.entries(parts).map(([stage, ms]) => `${stage} ${formatMilliseconds(ms)}`)
  return `in ${formatMilliseconds(prepare + spawn + load + Math.max(connect, fixup))}: ${named.join(', ')}`
}
