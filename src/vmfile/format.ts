import { type Atom, atomsOf } from './atoms.js'
import { errorsIn, vmFileError } from './diagnostic.js'
import type { KdlNode } from './kdl.js'
import { read } from './read.js'
import { Source } from './source.js'
import { blockString, quotedString, reindented } from './string-text.js'

const INDENT = '  '

/**
 * A VMFile with its lines indented by their depth, one space where there is any, and at most one blank line together.
 * Comments stay; what is written as in version 1 of KDL is written as in version 2.
 * @throws MayflyError MAYFLY_VMFILE_INVALID when it is no KDL document.
 */
export function formatVmFile(text: string, { path }: { path: string }): string {
  const { nodes, lexed, v1, diagnostics } = read(text)
  const found = diagnostics.sorted
  if (errorsIn(found).length > 0) throw vmFileError(new Source(path, text), found)
  const printer = new Printer(v1)
  for (const atom of withoutSpace(atomsOf(text, lexed))) printer.print(atom)
  const formatted = printer.end().replaceAll('\n', text.includes('\r\n') ? '\r\n' : '\n')
  const again = read(formatted)
  if (errorsIn(again.diagnostics.sorted).length > 0 || meaning(again.nodes) !== meaning(nodes)) {
    throw new Error(
      `formatting would change what ${path} means: this is a mistake of Mayfly's, and the file is as it was`,
    )
  }
  return formatted
}

function withoutSpace(atoms: readonly Atom[]): Atom[] {
  return atoms.filter(({ kind }) => kind !== 'WhiteSpace' && kind !== 'BOM')
}

/** All that a reader of the document sees; not where. */
function meaning(nodes: readonly KdlNode[]): string {
  return JSON.stringify(nodes, (key, value: unknown) => (key.toLowerCase().endsWith('span') ? undefined : value))
}

class Printer {
  readonly #v1: ReadonlyMap<number, string>
  #text = ''
  #depth = 0
  #newlines = 0
  /** The atom before, if it is on this line. */
  #last: string | undefined
  /** The same, but for comments. */
  #ended: string | undefined
  #continued = false

  constructor(v1: ReadonlyMap<number, string>) {
    this.#v1 = v1
  }

  print(atom: Atom): void {
    const { kind } = atom
    if (kind === 'NewLine') this.#newLine()
    else if (kind === 'SemiColon' && this.#last) this.#add(';', kind)
    else this.#place(atom)
  }

  #place(atom: Atom): void {
    const { kind } = atom
    if (kind === 'RightBrace') {
      this.#depth--
      // Version 1 wants it, and version 2 does not mind.
      if (this.#ended && !['LeftBrace', 'SemiColon'].includes(this.#ended)) this.#add(';', 'SemiColon')
    }
    if (this.#last === undefined) this.#startLine(kind)
    else if (this.#isSpaced(kind)) this.#text += ' '
    this.#add(this.#written(atom), kind)
    if (kind === 'LeftBrace') this.#depth++
    if (kind === 'EscLine') this.#continued = true
  }

  end(): string {
    this.#dropSemicolon()
    return this.#text === '' ? '' : `${this.#text.trimEnd()}\n`
  }

  #newLine(): void {
    if (this.#last) this.#dropSemicolon()
    this.#newlines++
    this.#last = undefined
    this.#ended = undefined
  }

  /** The end of a line ends a node as well. */
  #dropSemicolon(): void {
    if (this.#last === 'SemiColon') this.#text = this.#text.slice(0, -1)
  }

  #startLine(kind: string): void {
    if (this.#text !== '') {
      const blank = this.#newlines > 1 && !this.#text.endsWith('{') && kind !== 'RightBrace'
      this.#text += blank ? '\n\n' : '\n'
    }
    this.#newlines = 0
    this.#text += INDENT.repeat(this.#depth + (this.#continued ? 1 : 0))
    this.#continued = false
  }

  #isSpaced(kind: string): boolean {
    if (kind === 'Equals' || kind === 'RightParenthesis') return false
    if (this.#last === 'LeftBrace' && kind === 'RightBrace') return false
    return !['Equals', 'LeftParenthesis', 'RightParenthesis', 'BlockComment'].includes(this.#last!)
  }

  #add(text: string, kind: string): void {
    this.#text += text
    this.#last = kind
    if (kind !== 'OpenMultiLineComment') this.#ended = kind
  }

  #written({ kind, text, start, rigid }: Atom): string {
    const indent = INDENT.repeat(this.#depth + 1)
    const v1 = this.#v1.get(start)
    if (v1 !== undefined) return blockString(v1, indent) ?? quotedString(v1)
    if (kind === 'Identifier' && ['true', 'false', 'null'].includes(text)) return `#${text}`
    if (kind === 'LineComment') return text.trimEnd()
    if ((kind === 'MultiLineOpenQuote' || kind === 'MultiLineRawString') && !rigid) return reindented(text, indent)
    return text.replaceAll('\r\n', '\n')
  }
}
