import { Diagnostics } from './diagnostic.js'
import type { Lexed } from './lex.js'
import { TokenCursor } from './token-cursor.js'

/** What a formatter moves as a whole: a string, a comment, a brace, a run of white space. */
export interface Atom {
  /** That of its first token in kdljs. */
  readonly kind: string
  readonly text: string
  readonly start: number
  /** A string of several lines that has a `\` before white space: its lines cannot be moved. */
  readonly rigid: boolean
}

/** A document that is right, in pieces; together they are the whole of it. */
export function atomsOf(source: string, { tokens }: Lexed): Atom[] {
  const at = new TokenCursor(tokens, new Diagnostics())
  const atoms: Atom[] = []
  while (!at.is('EOF')) {
    const { name: kind } = at
    const from = at.index
    if (kind === 'OpenMultiLineComment') at.skipComment()
    else at.skip(at.peekValue().length)
    const part = tokens.slice(from, at.index)
    const start = part[0]!.startOffset
    const text = source.slice(start, part.at(-1)!.endOffset + 1)
    atoms.push({ kind, text, start, rigid: part.some(({ tokenType }) => tokenType.name === 'WhiteSpaceEscape') })
  }
  return atoms
}
