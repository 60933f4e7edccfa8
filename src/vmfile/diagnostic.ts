import { MayflyError } from '../errors.js'
import type { Source, Span } from './source.js'

/** One thing that is wrong with a VMFile. */
export interface Diagnostic {
  /** A warning does not keep the file from being used. */
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly span: Span
  /** Another place that the message speaks of. */
  readonly related?: { readonly span: Span; readonly message: string } | undefined
  readonly hint?: string | undefined
}

/** Collects what is wrong, in the order of the file. */
export class Diagnostics {
  readonly #found: Diagnostic[] = []

  error(span: Span, message: string, more: Pick<Diagnostic, 'hint' | 'related'> = {}): void {
    // Whoever looks ahead meets the same thing twice.
    if (this.#found.some((before) => before.span.start === span.start && before.message === message)) return
    this.#found.push({ severity: 'error', message, span, ...more })
  }

  warn(span: Span, message: string, more: Pick<Diagnostic, 'hint' | 'related'> = {}): void {
    this.#found.push({ severity: 'warning', message, span, ...more })
  }

  get size(): number {
    return this.#found.length
  }

  get sorted(): Diagnostic[] {
    return this.#found.toSorted((a, b) => a.span.start - b.span.start)
  }
}

export function errorsIn(found: readonly Diagnostic[]): Diagnostic[] {
  return found.filter(({ severity }) => severity === 'error')
}

/** The lines that people read: where, what, the code, the other place, what to do. */
export function renderDiagnostic(source: Source, { severity, message, span, related, hint }: Diagnostic): string[] {
  return [
    `${source.place(span)}: ${severity}: ${message}`,
    ...source.frame(span),
    ...(related ? [`${source.place(related.span)}: ${related.message}`, ...source.frame(related.span)] : []),
    ...(hint ? [`hint: ${hint}`] : []),
  ]
}

/** All errors as one, with each of them in its details. */
export function vmFileError(source: Source, found: readonly Diagnostic[]): MayflyError {
  const errors = errorsIn(found)
  const count = errors.length === 1 ? 'an error' : `${errors.length} errors`
  return new MayflyError('MAYFLY_VMFILE_INVALID', `${source.path} has ${count}`, {
    details: errors.flatMap((error, at) => [...(at > 0 ? [''] : []), ...renderDiagnostic(source, error)]),
  })
}
