import { stripVTControlCharacters } from 'node:util'
import { shown } from '../shown-text.js'
import { CONSOLE_RULES, type ConsoleRule, type Severity } from './console-rules.js'
import type { Finding } from './test-record.js'

export interface ConsoleOptions {
  /** What a kind is to mean, such as `{ 'oom-kill': 'error', panic: 'ignore' }`. */
  severity?: Readonly<Record<string, Severity>> | undefined
  /** Rules of your own; they go before Mayfly's. */
  rules?: readonly ConsoleRule[] | undefined
  /** Whether a test that passes fails after all when there is a finding of severity `error`. Default false. */
  fail?: boolean | undefined
}

/** A guest in a loop says the same thing for ever. */
const MOST_FINDINGS = 20
const LONGEST_LINE = 300
/** The kernel's and systemd's lines are shorter. */
const LONGEST_SCANNED = 4096
/** `[    4.567890] ` or, with CONFIG_PRINTK_CALLER, `[    4.567890][    T1] `. */
const KERNEL_TIME = /^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? /

/**
 * What is bad in a console's text, each once.
 * @param isExpected findings that the test wants: they are left out, and do not count towards the most that are kept.
 */
export function scanConsole(
  text: string,
  options: ConsoleOptions = {},
  isExpected: (finding: Pick<Finding, 'kind' | 'line'>) => boolean = () => false,
): Finding[] {
  const rules = [...(options.rules ?? []), ...CONSOLE_RULES]
  const findings = new Map<string, Finding>()
  for (const raw of text.split('\n')) {
    if (findings.size === MOST_FINDINGS) break
    const line = stripVTControlCharacters(raw.slice(0, LONGEST_SCANNED)).trim().replace(KERNEL_TIME, '')
    const rule = rules.find(({ pattern }) => line.search(pattern) >= 0)
    if (!rule) continue
    const severity = options.severity?.[rule.kind] ?? rule.severity
    if (severity === 'ignore' || isExpected({ kind: rule.kind, line })) continue
    const key = `${rule.kind} ${line.replaceAll(/\b(?:0x)?[0-9a-f]*\d[0-9a-f]*\b/g, 'N')}`
    if (!findings.has(key)) findings.set(key, { kind: rule.kind, severity, line: shown(line.slice(0, LONGEST_LINE)) })
  }
  return [...findings.values()]
}
