import type { Diagnostics } from './diagnostic.js'
import { type Token, tokenize } from './kdljs.js'
import { repairAt, repairEnd } from './repair.js'
import type { Span } from './source.js'

/** A text in tokens. What kdljs could not read is reported, and was replaced by something of the same length. */
export interface Lexed {
  readonly text: string
  readonly tokens: readonly Token[]
  /** What was replaced: values in there mean nothing. */
  readonly repaired: readonly Span[]
  /** The rest of the file was swallowed by something that is never closed. */
  readonly truncated: boolean
}

export interface Repair {
  readonly span: Span
  /** As long as the span. */
  readonly replacement: string
  readonly truncates?: boolean
}

/** All of it, whatever is wrong: one thing is repaired at a time, so that none hides another. */
export function lex(text: string, diagnostics: Diagnostics): Lexed {
  const repaired: Span[] = []
  let truncated = false
  for (let patched = text; ; ) {
    const { tokens, errors } = tokenize(patched)
    const repair = errors[0]
      ? repairAt(patched, tokens, errors[0], diagnostics)
      : repairEnd(patched, tokens, diagnostics)
    if (!repair) return { text, tokens, repaired, truncated }
    if (repaired.length === MOST_REPAIRS) return { ...cut(text, tokens, repair, diagnostics), repaired }
    const { span, replacement, truncates = false } = repair
    patched = patched.slice(0, span.start) + replacement + patched.slice(span.end)
    repaired.push(span)
    truncated ||= truncates
  }
}

/** Each takes a pass over the text. What needs more is in another language. */
const MOST_REPAIRS = 50

function cut(text: string, all: readonly Token[], { span }: Repair, found: Diagnostics): Omit<Lexed, 'repaired'> {
  const end = span.start
  found.error({ start: end, end: end + 1 }, 'too much of this file is no KDL: the rest of it has not been read')
  return { text, tokens: all.filter(({ endOffset }) => endOffset < end), truncated: true }
}
