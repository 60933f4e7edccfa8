import { GuestAssertionError, MayflyError } from '../errors.js'
import { Date } from '../node-globals.js'
import { quote } from '../ssh/quote.js'
import { type Duration, toMilliseconds } from '../units.js'
import type { Commands } from './commands.js'

export interface JournalOptions {
  /** 0 is the boot that runs, -1 the one before it, and so on. @default 0 */
  boot?: number | undefined
  /** Only entries that are not older: a moment, or a duration before now on the guest's clock. */
  since?: globalThis.Date | Duration | undefined
  /** Only entries whose message contains this text, or matches this expression. */
  grep?: string | RegExp | undefined
}

/** One entry of systemd's journal. */
export interface JournalEntry {
  at: globalThis.Date
  /** What the entry is about: the unit of the program that logged it, or the unit that systemd names. */
  unit: string | undefined
  /** The name of the program that logged it. */
  identifier: string | undefined
  pid: number | undefined
  /** As syslog has it: 0 is `emerg`, 3 `err`, 4 `warning`, 6 `info`, 7 `debug`. */
  priority: number | undefined
  message: string
}

const MOST_ENTRIES = 10_000
const MOST_BYTES = 16 * 1024 * 1024
const FIELDS = 'MESSAGE,PRIORITY,UNIT,_SYSTEMD_UNIT,SYSLOG_IDENTIFIER,_COMM,_PID,SYSLOG_PID'
/** Ours: journalctl itself exits with 1. */
const NO_JOURNAL = 69

/** Entries of the journal, oldest first; at most the last 10,000 of the boot and unit are looked at. */
export async function readJournal(
  vm: Commands,
  unit: string | undefined,
  { boot = 0, since, grep }: JournalOptions = {},
): Promise<JournalEntry[]> {
  if (!Number.isSafeInteger(boot) || boot > 0)
    throw new MayflyError('MAYFLY_OPTION_INVALID', `boot must be 0, -1, -2, ...: ${boot}`)
  if (unit === '' || unit?.includes('\n'))
    throw new MayflyError('MAYFLY_OPTION_INVALID', `not the name of a unit: ${JSON.stringify(unit)}`)
  const words = [
    ...['journalctl', '--no-pager', '--quiet', '--output=json', `--output-fields=${FIELDS}`],
    ...[`--lines=${MOST_ENTRIES}`, `--boot=${boot}`],
    ...(unit === undefined ? [] : [`--unit=${unit}`]),
    ...(since === undefined ? [] : [`--since=${sinceWord(since)}`]),
  ]
  // What was logged before this question is in the answer.
  const script = `command -v journalctl >/dev/null || exit ${NO_JOURNAL}
journalctl --sync 2>/dev/null
LC_ALL=C exec ${words.map(quote).join(' ')}`
  const { stdout, stderr, exitCode } = await vm.execUnseen(['sh', '-c', script], {
    user: 'root',
    maxBuffer: MOST_BYTES,
  })
  if (exitCode === NO_JOURNAL) {
    throw new MayflyError('MAYFLY_RESOURCE_UNSUPPORTED', `${vm.name} has no journal: it does not run systemd`, {
      hint: 'Read what its programs write: vm.readFile, or vm.console.text().',
    })
  }
  if (exitCode !== 0) {
    throw new GuestAssertionError('MAYFLY_RESOURCE_MISSING', `${vm.name}: cannot read the journal of boot ${boot}`, {
      details: stderr.trim().split('\n').slice(-10),
      hint: boot < 0 ? 'Earlier boots are kept only with Storage=persistent in journald.conf.' : undefined,
    })
  }
  const entries = stdout.split('\n').flatMap((line) => (line === '' ? [] : [entryOf(line)]))
  return grep === undefined ? entries : entries.filter(({ message }) => contains(message, grep))
}

function contains(message: string, grep: string | RegExp): boolean {
  // `search` does not care for the lastIndex of a global expression.
  return typeof grep === 'string' ? message.includes(grep) : message.search(grep) >= 0
}

function sinceWord(since: globalThis.Date | Duration): string {
  // A date of another realm is none of this one's.
  if (typeof since === 'object') {
    const ms = since.getTime()
    if (Number.isNaN(ms)) throw new MayflyError('MAYFLY_OPTION_INVALID', 'since is not a valid date')
    return `@${(ms / 1000).toFixed(3)}`
  }
  return `-${toMilliseconds(since, 'since')}ms`
}

/** One line of `journalctl -o json`. */
export function entryOf(line: string): JournalEntry {
  const fields = JSON.parse(line) as Record<string, unknown>
  const pid = text(fields._PID) ?? text(fields.SYSLOG_PID)
  const priority = text(fields.PRIORITY)
  return {
    at: new Date(Number(fields.__REALTIME_TIMESTAMP) / 1000),
    unit: text(fields.UNIT) ?? text(fields._SYSTEMD_UNIT),
    identifier: text(fields.SYSLOG_IDENTIFIER) ?? text(fields._COMM),
    pid: pid === undefined ? undefined : Number(pid),
    priority: priority === undefined ? undefined : Number(priority),
    message: text(fields.MESSAGE) ?? '',
  }
}

/** A field that is no UTF-8, or has control characters, comes as its bytes; one that was logged twice as a list. */
function text(field: unknown): string | undefined {
  if (typeof field === 'string') return field
  if (!Array.isArray(field) || field.length === 0) return undefined
  return typeof field[0] === 'number' ? Buffer.from(field as number[]).toString() : text(field[0])
}
