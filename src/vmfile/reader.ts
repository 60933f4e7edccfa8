import type { Diagnostics } from './diagnostic.js'
import type { KdlNode, KdlProperty, KdlValue } from './kdl.js'
import type { Lexed } from './lex.js'
import type { Span } from './source.js'
import { TokenCursor } from './token-cursor.js'
import { STRINGS, VALUES, ValueReader } from './value-reader.js'

/** Deeper than what anybody means, and less deep than the stack. */
const DEEPEST = 64
const END_OF_NODE = ['NewLine', 'LineComment', 'SemiColon', 'RightBrace', 'EOF']
interface OpenNode {
  name: string
  nameSpan: Span
  values: KdlValue[]
  properties: KdlProperty[]
  children?: KdlNode[]
  blockSpan?: Span
}

/**
 * Nodes out of tokens. kdljs's own parser ends at the first mistake, forgets where things were and which came twice;
 * this one goes on after each mistake, and takes from kdljs what a value means.
 */
export class Reader {
  readonly #at: TokenCursor
  readonly #found: Diagnostics
  readonly #lexed: Lexed
  readonly #read: ValueReader
  /** The first block whose end is not indented as its beginning. */
  #crooked: { block: Span; end: Span } | undefined
  #depth = 0
  #tooDeep = false

  constructor(lexed: Lexed, found: Diagnostics, v1: ReadonlyMap<number, string> = new Map()) {
    this.#lexed = lexed
    this.#at = new TokenCursor(lexed.tokens, found)
    this.#found = found
    this.#read = new ValueReader(this.#at, lexed, found, v1)
  }

  document(): KdlNode[] {
    if (this.#at.is('BOM')) this.#at.take()
    return this.#nodes()
  }

  /** What stands in `block`, whose opening brace has been taken. */
  #inside(block: Span): KdlNode[] {
    if (this.#depth === DEEPEST) {
      this.#found.error(block, 'blocks are nested too deeply: the rest of the file has not been read')
      this.#tooDeep = true
      this.#at.skipAll()
      return []
    }
    this.#depth++
    const nodes = this.#nodes(block)
    this.#depth--
    return nodes
  }

  /** Until the brace that closes `block`, or the end. */
  #nodes(block?: Span): KdlNode[] {
    const nodes: OpenNode[] = []
    for (;;) {
      this.#at.skipLines()
      const { name, span } = this.#at
      if (name === 'EOF') {
        if (block && !this.#lexed.truncated && !this.#tooDeep) this.#notClosed(block)
        return nodes
      }
      if (name === 'RightBrace') {
        this.#at.take()
        if (block) {
          if (this.#indentation(span) !== undefined && this.#indentation(span) !== this.#indentation(block, true)) {
            this.#crooked ??= { block, end: span }
          }
          return nodes
        }
        this.#found.error(span, 'this } closes nothing', { hint: 'A { is missing above it, or it is one too many.' })
      } else if (name === 'SemiColon') {
        this.#at.take()
        this.#found.error(span, 'nothing stands before this ;')
      } else if (name === 'LeftBrace') this.#lostBlock(nodes.at(-1))
      else if (name === 'BlockComment') {
        this.#at.take()
        this.#at.skipLines()
        this.#node()
      } else {
        const node = this.#node()
        if (node) nodes.push(node)
      }
    }
  }

  /** The braces that are missing are mostly those of the first block whose end is not indented as its beginning is. */
  #notClosed(block: Span): void {
    const { block: meant, end } = this.#crooked ?? { block, end: undefined }
    const related = end && { span: end, message: 'a } with another indentation closes it' }
    this.#found.error(meant, 'this { is never closed', { related })
  }

  /** That of the line on which something stands; undefined if it is not the first on it, unless `anywhere`. */
  #indentation({ start }: Span, anywhere = false): number | undefined {
    const { text } = this.#lexed
    const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
    const width = line.length - line.trimStart().length
    return anywhere || width === line.length ? width : undefined
  }

  /** A block on a line of its own, as in other languages: meant for the node above it. */
  #lostBlock(node: OpenNode | undefined): void {
    const { span } = this.#at
    const hint = node ? `Write ${node.name} … { on one line.` : undefined
    this.#found.error(span, 'a { must stand on the line of its node', { hint })
    this.#at.take()
    const children = this.#inside(span)
    if (node && !node.children) Object.assign(node, { children, blockSpan: span })
  }

  #node(): OpenNode | undefined {
    const tag = this.#tag()
    if (!STRINGS.includes(this.#at.name)) {
      this.#notAName(tag)
      return undefined
    }
    const { value, span: nameSpan } = this.#read.name()
    const name = String(value)
    const node: OpenNode = { name, nameSpan, values: [], properties: [] }
    for (;;) {
      const spaced = this.#at.skipSpace() || this.#at.after(',')
      if (END_OF_NODE.includes(this.#at.name)) break
      this.#entry(node, spaced)
    }
    if (!this.#at.is('RightBrace') && !this.#at.is('EOF')) this.#at.take()
    return node
  }

  #notAName(tag: (Span & { closed: boolean }) | undefined): void {
    const { name, span, text } = this.#at
    if (VALUES.includes(name)) this.#found.error(span, `a name is expected here, not ${text}`)
    else if (tag?.closed) this.#found.error(tag, 'a type in parentheses must stand before a name')
    else if (!tag) this.#found.error(span, name === 'EOF' ? '/- must stand before a node' : `${text} cannot stand here`)
    this.#at.skipToEndOfNode()
    if (!this.#at.is('LeftBrace')) return
    const { span: block } = this.#at
    this.#at.take()
    this.#inside(block)
  }

  #entry(node: OpenNode, spaced: boolean): void {
    const { name, span } = this.#at
    const dropped = name === 'BlockComment'
    if (dropped) {
      this.#at.take()
      this.#at.skipLines()
    }
    if (this.#at.is('LeftBrace')) this.#block(node, dropped)
    else if (this.#at.is('Equals')) this.#equals(node)
    else if (VALUES.includes(this.#at.name) || this.#at.is('LeftParenthesis')) {
      if (node.blockSpan) {
        this.#found.error(this.#at.span, 'a new line or ; is missing after the } of the block')
        this.#at.skipToEndOfNode()
      } else if (this.#at.startsWith(',')) this.#comma()
      else {
        if (!spaced) this.#unspaced(node)
        this.#argument(node, dropped)
      }
    } else {
      const { text } = this.#at
      this.#found.error(span, dropped ? '/- must stand before a node, a value or a block' : `${text} cannot stand here`)
      this.#at.skipToEndOfNode()
    }
  }

  #block(node: OpenNode, dropped: boolean): void {
    const { span } = this.#at
    this.#at.take()
    const children = this.#inside(span)
    if (dropped) return
    if (node.blockSpan) {
      const related = { span: node.blockSpan, message: 'the first one' }
      this.#found.error(span, `${node.name} has two blocks`, { related })
    } else Object.assign(node, { children, blockSpan: span })
  }

  /** `vcpus = 2`, as it would be in most other languages. */
  #equals(node: OpenNode): void {
    const { span } = this.#at
    this.#at.take()
    this.#at.skipSpace()
    const { name, text } = this.#at
    const first = node.values.length === 0 && node.properties.length === 0
    const next = VALUES.includes(name) ? text : name === 'LeftBrace' ? '{' : '…'
    this.#found.error(
      span,
      first ? `${node.name} and its value are separated by a space, not by =` : 'a name must stand before the =',
      { hint: first ? `Write ${node.name} ${next}` : undefined },
    )
    if (VALUES.includes(name)) this.#argument(node, false)
  }

  #comma(): void {
    const { start } = this.#at.span
    this.#found.error({ start, end: start + 1 }, 'values are separated by spaces, not by commas')
    this.#at.take()
  }

  /** No space before a value. What was meant, is often plain to see. */
  #unspaced(node: OpenNode): void {
    const { span, text } = this.#at
    const before = node.values.at(-1)
    if (before && typeof before.value === 'number' && this.#at.is('Identifier')) {
      const written = this.#at.before(before.span) + text
      this.#found.error({ start: before.span.start, end: span.end }, `${written} must stand in quotes`, {
        hint: `A value that begins with a digit and is not a number is text: "${written}"`,
      })
      node.values[node.values.length - 1] = { ...before, broken: true }
      this.#at.take()
    } else {
      this.#found.error(span, `a space is missing before ${text}`)
      if (before) this.#at.skipToEndOfNode()
    }
  }

  /** A value, or a property: a name, =, and a value. */
  #argument(node: OpenNode, dropped: boolean): void {
    const tag = this.#tag()
    if (!tag && STRINGS.includes(this.#at.name) && this.#isProperty()) this.#property(node, dropped)
    else if (VALUES.includes(this.#at.name)) {
      const value = this.#read.value()
      if (!dropped) node.values.push(value)
    } else if (tag?.closed) this.#found.error(tag, 'a type in parentheses must stand before a value')
    else if (tag) node.values.push({ value: '', span: tag, broken: true })
  }

  #isProperty(): boolean {
    const { index } = this.#at
    this.#at.skip(this.#at.peekValue().length)
    this.#at.skipSpace()
    const found = this.#at.is('Equals')
    this.#at.index = index
    return found
  }

  #property(node: OpenNode, dropped: boolean): void {
    const { value: name, span: nameSpan } = this.#read.name()
    this.#at.skipSpace()
    const { span: equals } = this.#at
    this.#at.take()
    this.#at.skipSpace()
    this.#tag()
    if (!VALUES.includes(this.#at.name)) {
      this.#found.error(equals, `a value is missing after ${String(name)}=`)
      return
    }
    const value = this.#read.value()
    if (!dropped) node.properties.push({ name: String(name), nameSpan, value })
  }

  /** `(type)`, which VMFiles do not use: KDL lets readers ignore it. */
  #tag(): (Span & { closed: boolean }) | undefined {
    if (!this.#at.is('LeftParenthesis')) return undefined
    const { span: open } = this.#at
    this.#at.take()
    this.#at.skipSpace()
    if (STRINGS.includes(this.#at.name)) this.#read.name()
    this.#at.skipSpace()
    if (this.#at.is('RightParenthesis')) {
      const { end } = this.#at.span
      this.#at.take()
      this.#at.skipSpace()
      return { start: open.start, end, closed: true }
    }
    this.#found.error(open, 'this ( is never closed', { hint: 'Put text that has parentheses into quotes.' })
    this.#at.skipToEndOfNode()
    return { ...open, closed: false }
  }
}
