import { Diagnostics, errorsIn } from './diagnostic.js'
import type { KdlNode } from './kdl.js'
import { hideV1Strings } from './kdl-v1.js'
import { type Lexed, lex } from './lex.js'
import { Reader } from './reader.js'

export interface Read {
  readonly nodes: readonly KdlNode[]
  readonly lexed: Lexed
  /** Strings that are written as only version 1 of KDL has them, by where they begin. */
  readonly v1: ReadonlyMap<number, string>
  readonly diagnostics: Diagnostics
}

/** A KDL document of version 2; or of version 1, if it is right as that and wrong as the other. */
export function read(text: string): Read {
  const second = readAs(text)
  if (errorsIn(second.diagnostics.sorted).length === 0) return second
  const hidden = hideV1Strings(text)
  const first = hidden && readAs(hidden.text, hidden.values)
  return first && errorsIn(first.diagnostics.sorted).length === 0 ? first : second
}

function readAs(text: string, v1: ReadonlyMap<number, string> = new Map()): Read {
  const diagnostics = new Diagnostics()
  const lexed = lex(text, diagnostics)
  return { nodes: new Reader(lexed, diagnostics, v1).document(), lexed, v1, diagnostics }
}
