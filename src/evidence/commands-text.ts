import type { TimelineEntry } from '../vm/timeline.js'

/** What was done to a machine and what it came to, for people: time since the first entry, the entry, its output below. */
export function commandsText(entries: readonly TimelineEntry[], startedAt: number): string {
  const shown = entries.filter(({ kind }) => kind !== 'console')
  if (shown.length === 0) return 'Nothing was done to this machine.\n'
  return `${shown.map((entry) => describeEntry(entry, startedAt)).join('\n')}\n`
}

/** The first line of an entry: `  +1.204 s  command  ls /nowhere  (exit code 2, 35 ms)`. */
export function headline(entry: TimelineEntry, startedAt: number): string {
  const { at, kind, title, durationMs, result, failed } = entry
  const [line, ...more] = title.trimEnd().split('\n')
  const took = durationMs === undefined ? 'not over' : `${Math.round(durationMs)} ms`
  const lasting = durationMs !== undefined || (result === undefined && LASTING.has(kind))
  const outcome = [failed ? 'failed' : undefined, result?.split('\n')[0], lasting ? took : undefined].filter(Boolean)
  const time = `+${(Math.max(0, at - startedAt) / 1000).toFixed(3)} s`.padStart(10)
  const end = outcome.length === 0 ? '' : `  (${outcome.join(', ')})`
  return `${time}  ${kind.padEnd(10)}  ${line}${more.length > 0 ? ' ...' : ''}${end}`
}

const LASTING: ReadonlySet<string> = new Set(['command', 'wait', 'check', 'transfer', 'power', 'checkpoint'])

function describeEntry(entry: TimelineEntry, startedAt: number): string {
  const { title, stdout, stderr, result, file } = entry
  const lines = title.trimEnd().split('\n')
  return [
    headline(entry, startedAt),
    ...(lines.length > 1 ? lines.map((line) => indent('|', line)) : []),
    ...block('stdout', stdout),
    ...block('stderr', stderr),
    ...block('result', result?.includes('\n') ? result : undefined),
    ...(file ? [indent('file:', file)] : []),
  ].join('\n')
}

function block(name: string, text: string | undefined): string[] {
  if (text === undefined || text.trim() === '') return []
  return text
    .trimEnd()
    .split('\n')
    .map((line) => indent(`${name}:`, line))
}

function indent(label: string, line: string): string {
  return `${' '.repeat(12)}${label} ${line}`.trimEnd()
}
