import { resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import type { ConsoleOptions } from '../evidence/console-scan.js'
import { vitestRoot } from './runtime-config.js'

export interface EvidenceOptions {
  /**
   * Where the folder of a failed test goes, from vitest's root. Default `'.mayfly/failures'`; `MAYFLY_EVIDENCE_DIR` goes before
   * both. `false`: nothing is collected.
   */
  evidence?: { directory?: string | undefined } | false | undefined
  /** `'failed'`: the machines of a failed test are kept, as they were, for `mayfly open`. `MAYFLY_KEEP=1` does the same. */
  keep?: 'failed' | undefined
  /** What to make of what the console says: panics, killed processes, failed units. */
  console?: ConsoleOptions | undefined
  /** Tries a test again whose failure is the harness's, twice or as often as this says; never one of what is tested. Default: none. */
  retry?: 'infra' | { infra: number } | undefined
}

/** The same, as it is used. */
export interface EvidenceSettings {
  /** Absolute; undefined when nothing is collected. */
  directory: string | undefined
  keep: boolean
  console: ConsoleOptions
  /** How often something is tried again after a failure of the harness. */
  retries: number
}

export const DEFAULT_DIRECTORY = '.mayfly/failures'
const DEFAULT_RETRIES = 2

/** @throws MayflyError MAYFLY_OPTION_INVALID. */
export function evidenceSettings(
  { evidence = {}, keep, console = {}, retry }: EvidenceOptions,
  env: NodeJS.ProcessEnv = process.env,
): EvidenceSettings {
  const directory =
    evidence && resolve(vitestRoot(), env.MAYFLY_EVIDENCE_DIR || (evidence.directory ?? DEFAULT_DIRECTORY))
  if (keep !== undefined && keep !== 'failed') throw invalid('keep', keep, "'failed'")
  return {
    directory: directory || undefined,
    keep: keep === 'failed' || isOn(env.MAYFLY_KEEP),
    console,
    retries: retriesOf(retry),
  }
}

function retriesOf(retry: EvidenceOptions['retry']): number {
  if (retry === undefined) return 0
  if (retry === 'infra') return DEFAULT_RETRIES
  const { infra } = retry
  if (Number.isInteger(infra) && infra >= 0) return infra
  throw invalid('retry', retry, "'infra' or { infra: 3 }")
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !['', '0', 'false'].includes(value)
}

function invalid(name: string, value: unknown, good: string): MayflyError {
  return new MayflyError('MAYFLY_OPTION_INVALID', `${name} cannot be ${JSON.stringify(value)}`, {
    hint: `Give ${good}.`,
  })
}
