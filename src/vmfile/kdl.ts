import type { Span } from './source.js'

/** What stands in a KDL document, in its order, with its places; nothing is merged or dropped. */
export interface KdlNode {
  readonly name: string
  readonly nameSpan: Span
  readonly values: readonly KdlValue[]
  readonly properties: readonly KdlProperty[]
  /** Undefined if the node has no block. */
  readonly children?: readonly KdlNode[] | undefined
  /** The opening brace. */
  readonly blockSpan?: Span | undefined
}

export interface KdlProperty {
  readonly name: string
  readonly nameSpan: Span
  readonly value: KdlValue
}

export interface KdlValue {
  readonly span: Span
  readonly value: string | number | boolean | null
  /** What was written could not be read, which has been reported: the value means nothing. */
  readonly broken: boolean
}
