import type { Diagnostics } from './diagnostic.js'
import type { Token } from './kdljs.js'
import type { Span } from './source.js'

const CLOSING: Record<string, string> = { OpenQuote: 'CloseQuote', MultiLineOpenQuote: 'MultiLineCloseQuote' }
const STOPS = ['NewLine', 'SemiColon', 'LeftBrace', 'RightBrace', 'EOF']

/** A place in a list of tokens. */
export class TokenCursor {
  index = 0
  readonly #tokens: readonly Token[]
  readonly #found: Diagnostics

  constructor(tokens: readonly Token[], found: Diagnostics) {
    this.#tokens = tokens
    this.#found = found
  }

  /** The kind of the token here, `EOF` after the last. */
  get name(): string {
    return this.#tokens[this.index]?.tokenType.name ?? 'EOF'
  }

  is(name: string): boolean {
    return this.name === name
  }

  get span(): Span {
    const token = this.#tokens[this.index]
    if (token) return { start: token.startOffset, end: token.endOffset + 1 }
    const end = (this.#tokens.at(-1)?.endOffset ?? -1) + 1
    return { start: end, end }
  }

  /** What is written here: a whole value, if it is one. */
  get text(): string {
    return this.peekValue()
      .map(({ image }) => image)
      .join('')
  }

  startsWith(text: string): boolean {
    return this.#tokens[this.index]?.image.startsWith(text) === true
  }

  after(image: string): boolean {
    return this.#tokens[this.index - 1]?.image === image
  }

  before({ start }: Span): string {
    let at = this.index
    while (at > 0 && this.#tokens[at - 1]!.startOffset >= start) at--
    return this.#tokens
      .slice(at, this.index)
      .map(({ image }) => image)
      .join('')
  }

  take(): void {
    this.index++
  }

  skip(count: number): void {
    this.index += count
  }

  skipAll(): void {
    this.index = this.#tokens.length
  }

  /** The tokens of the value that begins here: a quoted string has several. */
  peekValue(): readonly Token[] {
    const closing = CLOSING[this.name]
    let end = this.index + 1
    if (closing) while (end < this.#tokens.length && this.#tokens[end - 1]!.tokenType.name !== closing) end++
    return this.#tokens.slice(this.index, end)
  }

  /** White space, comments and line continuations within a node; whether there were any. */
  skipSpace(): boolean {
    const from = this.index
    for (;;) {
      if (this.is('WhiteSpace')) this.take()
      else if (this.is('OpenMultiLineComment')) this.skipComment()
      else if (this.is('EscLine')) this.#skipContinuation()
      else return this.index > from
    }
  }

  /** The same, and new lines. */
  skipLines(): void {
    while (this.skipSpace() || this.is('NewLine') || this.is('LineComment')) {
      if (this.is('NewLine') || this.is('LineComment')) this.take()
    }
  }

  /** Past what makes no sense, but not past a brace, so that blocks stay balanced. */
  skipToEndOfNode(): void {
    while (!STOPS.includes(this.name)) this.skip(this.peekValue().length)
  }

  /** From where one begins to its end; they nest. */
  skipComment(): void {
    let depth = 0
    do {
      if (this.is('OpenMultiLineComment')) depth++
      if (this.is('CloseMultiLineComment')) depth--
      this.take()
    } while (depth > 0 && !this.is('EOF'))
  }

  #skipContinuation(): void {
    const { span } = this
    this.take()
    while (this.is('WhiteSpace') || this.is('OpenMultiLineComment')) {
      if (this.is('WhiteSpace')) this.take()
      else this.skipComment()
    }
    if (this.is('LineComment')) this.take()
    if (this.is('NewLine')) this.take()
    else if (!this.is('EOF')) {
      this.#found.error(span, 'after a \\ outside of quotes, the line must end', {
        hint: 'Put text with a \\ into quotes.',
      })
    }
  }
}
