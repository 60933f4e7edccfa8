import type { Diagnostics } from './diagnostic.js'
import type { KdlValue } from './kdl.js'
import { meaningOf, type Token } from './kdljs.js'
import type { Lexed } from './lex.js'
import type { TokenCursor } from './token-cursor.js'

/** The first token of each kind of string. */
export const STRINGS = ['Identifier', 'OpenQuote', 'MultiLineOpenQuote', 'RawString', 'MultiLineRawString']
export const VALUES = [...STRINGS, 'Boolean', 'Null', 'FloatKeyword', 'Float', 'Integer']
/** Version 1 of KDL has these without the #. */
const V1_KEYWORDS: Record<string, KdlValue['value']> = { true: true, false: false, null: null }

/** Names and values, one by one. */
export class ValueReader {
  readonly #at: TokenCursor
  readonly #found: Diagnostics
  readonly #lexed: Lexed
  readonly #v1: ReadonlyMap<number, string>

  constructor(at: TokenCursor, lexed: Lexed, found: Diagnostics, v1: ReadonlyMap<number, string>) {
    this.#at = at
    this.#lexed = lexed
    this.#found = found
    this.#v1 = v1
  }

  /** The string that begins here, as the name of a node, a property or a type. */
  name(): KdlValue {
    return this.#take((tokens, word) => (word !== undefined && !isKeyword(word) ? { value: word } : meaningOf(tokens)))
  }

  value(): KdlValue {
    return this.#take((tokens, word) => {
      if (word === undefined) return meaningOf(tokens)
      if (Object.hasOwn(V1_KEYWORDS, word)) return { value: V1_KEYWORDS[word] }
      return isKeyword(word) || misreadWord(word) ? undefined : { value: word }
    })
  }

  #take(meaning: (tokens: readonly Token[], word: string | undefined) => { value: unknown } | undefined): KdlValue {
    const tokens = this.#at.peekValue()
    this.#at.skip(tokens.length)
    const [first] = tokens
    const span = { start: first!.startOffset, end: tokens.at(-1)!.endOffset + 1 }
    const broken = this.#lexed.repaired.some(({ start, end }) => start < span.end && end > span.start)
    const v1 = this.#v1.get(span.start)
    if (v1 !== undefined) return { value: v1, span, broken }
    const read = meaning(tokens, first!.tokenType.name === 'Identifier' ? first!.image : undefined)
    if (read) return { value: read.value as KdlValue['value'], span, broken }
    if (!broken) this.#found.error(span, ...unreadable(tokens))
    return { value: '', span, broken: true }
  }
}

/** Words to KDL, which nobody means as such. */
function misreadWord(word: string): string | undefined {
  if (/^['`]/.test(word)) return "a string stands in double quotes, not in ' or `"
  return word.endsWith(',') ? 'values are separated by spaces, not by commas' : undefined
}

function isKeyword(word: string): boolean {
  return Object.hasOwn(V1_KEYWORDS, word) || ['inf', '-inf', 'nan'].includes(word)
}

function unreadable([first, second]: readonly Token[]): [message: string, more?: { hint: string }] {
  const { name } = first!.tokenType
  if (name === 'Identifier') {
    const misread = misreadWord(first!.image)
    if (misread) return [misread]
    return [`${first!.image} is a keyword`, { hint: `Write #${first!.image}, or "${first!.image}" for the text.` }]
  }
  const multiLine = name.startsWith('MultiLine')
  const text = name === 'MultiLineRawString' ? first!.image.replace(/^#+"""/, '') : (second?.image ?? '')
  if (multiLine && !/^[\n\v\f\r\u0085\u2028\u2029]/.test(text)) {
    return ['the text of a """ string begins on the next line', { hint: 'Put a new line after the opening """.' }]
  }
  if (multiLine) {
    return [
      'the lines of this string are not indented as far as its closing """',
      { hint: 'Its last line has only white space before the """, and each other line begins with the same.' },
    ]
  }
  return ['this string cannot be read', { hint: 'It has an escape that means no character.' }]
}
