import { MayflyError } from '../../errors.js'
import type { Commands } from '../commands.js'

/**
 * How scripts answer: `name=value` records, each ended by a NUL, for values may hold anything else. What comes behind the
 * record `end` is the rest, and may hold NULs too. `say` prints a record, `out` the output of a command as one.
 */
const PRELUDE = `export LC_ALL=C
say() { printf '%s=%s\\0' "$1" "$2"; }
out() { printf '%s=' "$1"; shift; "$@" 2>&1; printf '\\0'; }
`

export interface LookOptions {
  /** Also what explains a state that nobody wanted, which may take longer. */
  evidence?: boolean | undefined
  /** Ends the look. */
  signal?: AbortSignal | undefined
}

export class Records {
  readonly #records: ReadonlyMap<string, string>
  /** What came behind the records. */
  readonly rest: string

  constructor(records: ReadonlyMap<string, string>, rest = '') {
    this.#records = records
    this.rest = rest
  }

  has(name: string): boolean {
    return this.#records.has(name)
  }

  /** Without white space at its ends; empty if the script did not say it. */
  text(name: string): string {
    return this.#records.get(name)?.trim() ?? ''
  }

  /** Exactly as it was said. */
  exact(name: string): string | undefined {
    return this.#records.get(name)
  }

  lines(name: string): string[] {
    return this.text(name).split('\n').filter(Boolean)
  }
}

export function parseRecords(output: string): Records | undefined {
  const records = new Map<string, string>()
  for (let at = 0; ; ) {
    const nul = output.indexOf('\0', at)
    if (nul < 0) return undefined
    const record = output.slice(at, nul)
    at = nul + 1
    const equals = record.indexOf('=')
    const name = record.slice(0, equals)
    if (name === 'end') return new Records(records, output.slice(at))
    records.set(name, record.slice(equals + 1))
  }
}

/**
 * Runs a script in the guest that answers in records.
 * @param rest a command whose output comes behind them.
 * @throws MayflyError MAYFLY_COMMAND_FAILED if the guest's tools could not do it, and as `exec` does.
 */
export async function ask(
  vm: Commands,
  about: string,
  script: string,
  { signal }: LookOptions = {},
  rest = '',
): Promise<Records> {
  const { stdout, stderr, exitCode } = await vm.probe(`${PRELUDE}${script}\nsay end\n${rest}`, { signal })
  const records = parseRecords(stdout)
  if (records && exitCode === 0) return records
  throw new MayflyError('MAYFLY_COMMAND_FAILED', `${vm.name}: cannot look at ${about}`, {
    details: [`exit code ${exitCode}`, ...stderr.trim().split('\n').slice(-10)],
    hint: 'The guest needs a POSIX shell and the usual tools, as in coreutils or busybox.',
  })
}

const MOST_NAMES = 40

/** Names in one line, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMES
  return [...names.slice(0, MOST_NAMES), ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
}
