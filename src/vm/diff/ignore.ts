import { VOLATILE } from './volatile.js'

const SUBJECTS = ['unit', 'port', 'package', 'user', 'group'] as const
/** What is not a file, as patterns name it: `unit:ssh@*`. */
type Subject = (typeof SUBJECTS)[number]

/** What a comparison leaves out. */
export class Ignored {
  readonly #paths: readonly RegExp[]
  readonly #names: Record<Subject, readonly RegExp[]>
  /** Paths without wildcards, which need not be looked at in the first place. */
  readonly prunable: readonly string[]

  /**
   * @param given patterns of the caller: left out in any case.
   * @param roots where files are looked for. What is volatile does not count for one of them, nor for what it lies in.
   */
  constructor(given: readonly string[], roots: readonly string[], withVolatile: boolean) {
    const usual = withVolatile ? VOLATILE.filter((pattern) => !roots.some((root) => glob(pattern).test(root))) : []
    const patterns = [...usual, ...given]
    const paths = patterns.filter(isPath)
    this.#paths = paths.map(glob)
    this.prunable = paths.filter((path) => !/[*?[\]\\]/.test(path))
    const named = (subject: Subject) =>
      patterns.flatMap((pattern) =>
        pattern.startsWith(`${subject}:`) ? [glob(pattern.slice(subject.length + 1))] : [],
      )
    this.#names = {
      unit: named('unit'),
      port: named('port'),
      package: named('package'),
      user: named('user'),
      group: named('group'),
    }
  }

  path(path: string): boolean {
    return this.#paths.some((pattern) => pattern.test(path))
  }

  name(subject: Subject, name: string): boolean {
    return this.#names[subject].some((pattern) => pattern.test(name))
  }
}

function isPath(pattern: string): boolean {
  return pattern.startsWith('/') || pattern.startsWith('*')
}

/** Whether a pattern says what it is about. */
export function isPattern(pattern: string): boolean {
  return isPath(pattern) || SUBJECTS.some((subject) => pattern.startsWith(`${subject}:`))
}

/** `*` and `?` stand for what is within one name, `**` for any number of names. What lies in a match matches. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/\/+$/, '')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (wildcard) => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*' })[wildcard] ?? '[^/]')
  return new RegExp(`^${source}(?:/|$)`, 's')
}
