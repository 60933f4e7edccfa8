import { MayflyError } from '../errors.js'
import type { FindingKind } from '../evidence/console-rules.js'

/** A kind of Mayfly's rules, or one of your own. */
export type ExpectedKind = FindingKind | (string & {})

/** Findings on a machine's console that its test brings about on purpose. */
export class ExpectedFindings {
  readonly #expected: { kind: string; matcher: string | RegExp | undefined }[] = []

  /** @param matcher what the line contains or matches. @default any */
  add(kind: string, matcher?: string | RegExp): void {
    if (kind === '' || matcher === '')
      throw new MayflyError(
        'MAYFLY_OPTION_INVALID',
        'expectFinding needs a kind, such as failed-unit, and no empty text',
      )
    this.#expected.push({ kind, matcher })
  }

  has({ kind, line }: { kind: string; line: string }): boolean {
    return this.#expected.some(({ kind: expected, matcher }) => {
      if (expected !== kind) return false
      if (matcher === undefined) return true
      return typeof matcher === 'string' ? line.includes(matcher) : line.search(matcher) >= 0
    })
  }

  /** The next test of the machine expects its own. */
  clear(): void {
    this.#expected.length = 0
  }
}
