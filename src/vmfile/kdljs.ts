import { createRequire } from 'node:module'

/** What kdljs's lexer says of a piece of text; `endOffset` is that of the last character. */
export interface Token {
  readonly image: string
  readonly startOffset: number
  readonly endOffset: number
  readonly tokenType: { readonly name: string }
}

export interface LexerError {
  readonly offset: number
}

interface Kdljs {
  lexer: { tokenize(text: string): { tokens: Token[]; errors: LexerError[] } }
  parser: { input: readonly Token[]; readonly errors: readonly Error[]; value(): unknown }
}

let loaded: Kdljs | undefined

/** Half a second of import, paid by whoever reads a VMFile. It is `require`d, for vitest collects tests synchronously. */
function kdljs(): Kdljs {
  loaded ??= createRequire(import.meta.url)('kdljs/src/parser/kdl.js') as Kdljs
  return loaded
}

export function tokenize(text: string): { tokens: Token[]; errors: LexerError[] } {
  return kdljs().lexer.tokenize(text)
}

/** A value as kdljs has it: the tokens of one string, number or keyword. Undefined if there is something wrong in it. */
export function meaningOf(tokens: readonly Token[]): { value: unknown } | undefined {
  const simple = simpleValue(tokens)
  if (simple !== undefined) return { value: simple }
  const { parser } = kdljs()
  parser.input = tokens.map(unescaped)
  const value = parser.value()
  return parser.errors.length === 0 ? { value } : undefined
}

/** Most values need no grammar, and driving one costs a tenth of a millisecond. */
function simpleValue([first, middle, last, ...more]: readonly Token[]): string | number | undefined {
  if (first!.tokenType.name === 'Float') return Number(first!.image.replaceAll('_', ''))
  if (first!.tokenType.name !== 'OpenQuote' || more.length > 0) return undefined
  if (middle?.tokenType.name === 'CloseQuote' && !last) return ''
  return middle?.tokenType.name === 'Unicode' && last?.tokenType.name === 'CloseQuote' ? middle.image : undefined
}

/** kdljs 0.3.0 cuts code points above U+FFFF down to 16 bits. */
function unescaped(token: Token): Token {
  if (token.tokenType.name !== 'UnicodeEscape') return token
  const code = Number.parseInt(token.image.slice(3, -1), 16)
  return code > 0xffff ? { ...tokenize('"x"').tokens[1]!, image: String.fromCodePoint(code) } : token
}
