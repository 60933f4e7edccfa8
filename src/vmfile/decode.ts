import type { Diagnostics } from './diagnostic.js'
import type { KdlNode, KdlValue } from './kdl.js'
import type { Path, Places } from './places.js'
import { resolvePath } from './resolve-path.js'
import { blockFields, isScalar, nodeName, type Shape } from './shape.js'
import type { Span } from './source.js'
import { suggestField, suggestValue } from './suggest.js'

type Raw = Record<string, unknown>

/** Takes a node apart along its shape: what is unknown, missing or twice is reported; what values are worth, zod says. */
export class Decoder {
  readonly #found: Diagnostics
  readonly #places: Places
  readonly #directory: string

  /** @param directory where relative paths begin. */
  constructor(found: Diagnostics, places: Places, directory: string) {
    this.#directory = directory
    this.#found = found
    this.#places = places
  }

  /** The fields of a node: values behind its name, properties, and nodes in its block. */
  block(node: KdlNode, whole: Shape, path: Path): Raw | undefined {
    if (!this.#places.has(path)) this.#places.set(path, node.nameSpan)
    const shape = whole.oneOf ? this.#alternative(node, whole, path) : whole
    if (!shape) return undefined
    const positional = whole.arguments ?? []
    const raw: Raw = {}
    const seen = new Map<string, Span>()
    for (const [at, value] of node.values.entries()) {
      const field = positional[at]
      if (field) this.#put(raw, seen, shape.properties?.[field], value, [...path, field], value.span)
      else this.#tooMany(node, value, positional, shape)
    }
    const fields = blockFields(shape, positional)
    for (const { name, nameSpan, value } of node.properties) {
      const field = fields.get(name)
      const fieldShape = field === undefined ? undefined : shape.properties![field]!
      if (field && fieldShape && isScalar(fieldShape))
        this.#put(raw, seen, fieldShape, value, [...path, field], nameSpan)
      else
        this.#found.error(nameSpan, `${node.name} has no property ${name}`, {
          hint: suggestField(name, node.name, fields).hint,
        })
    }
    for (const child of node.children ?? []) {
      const field = fields.get(child.name) ?? this.#meant(child, title(node, shape), node, fields)
      if (field) this.#field(raw, seen, field, child, shape.properties![field]!, path)
    }
    if (node.children && fields.size === 0) {
      this.#found.error(node.blockSpan!, `${title(node, shape)} has no block`)
    }
    for (const field of shape.required ?? []) {
      if (Object.hasOwn(raw, field) || this.#places.isBroken([...path, field])) continue
      const hint = positional.includes(field) ? whole.example : shape.properties?.[field]?.example
      this.#found.error(node.nameSpan, `${title(node, shape)} needs a ${nodeName(field)}`, {
        hint: hint && `As in ${hint}`,
      })
      this.#places.breakOff([...path, field])
    }
    return raw
  }

  /** What was misspelt is read on as what was meant, so that nothing is said to be missing for it. */
  #meant(
    { name, nameSpan }: KdlNode,
    within: string,
    parent: KdlNode,
    fields: Map<string, string>,
  ): string | undefined {
    const { hint, name: meant } = suggestField(name, parent.name, fields)
    this.#found.error(nameSpan, `${name} is unknown in ${within}`, { hint })
    const isThere = parent.children?.some((child) => child.name === meant)
    return meant && !isThere ? fields.get(meant) : undefined
  }

  #field(raw: Raw, seen: Map<string, Span>, field: string, node: KdlNode, shape: Shape, parent: Path): void {
    if (shape.repeatable) {
      raw[field] ??= []
      const items = raw[field] as unknown[]
      const path = [...parent, field, items.length]
      const item = this.block(node, shape.items!, path)
      items.push(item)
      if (!item) this.#places.breakOff(path)
      return
    }
    const path = [...parent, field]
    if (isScalar(shape)) {
      const value = this.#one(node, shape)
      if (value) this.#put(raw, seen, shape, value, path, node.nameSpan)
      else if (!seen.has(field)) this.#places.breakOff(path)
      return
    }
    if (this.#isTwice(seen, field, node.nameSpan)) return
    if (shape.type === 'array') this.#list(raw, field, node, shape, path)
    else {
      const value = this.block(node, shape, path)
      if (value) raw[field] = value
      else this.#places.breakOff(path)
    }
  }

  /** The only value of a node like `vcpus 2`. Alone, what can be true is. */
  #one(node: KdlNode, shape: Shape): KdlValue | undefined {
    this.#noMore(node)
    const [first, second] = node.values
    if (second) {
      const hint = shape.hint ?? (shape.type === 'string' ? 'Put all of it into one pair of quotes.' : undefined)
      this.#found.error(second.span, `${node.name} takes one value`, { hint })
      return { ...first!, broken: true }
    }
    if (first) return first
    if (shape.type === 'boolean') return { value: true, span: node.nameSpan, broken: false }
    this.#found.error(node.nameSpan, `${node.name} needs a value`, { hint: shape.example && `As in ${shape.example}` })
    return undefined
  }

  #list(raw: Raw, field: string, node: KdlNode, shape: Shape, path: Path): void {
    this.#noMore(node)
    this.#places.set(path, node.nameSpan)
    if (node.values.length === 0) {
      this.#found.error(node.nameSpan, `${node.name} needs at least one value`, {
        hint: shape.example && `As in ${shape.example}`,
      })
      this.#places.breakOff(path)
    }
    raw[field] = node.values.map((value, at) => {
      this.#places.set([...path, at], value.span)
      if (value.broken) this.#places.breakOff([...path, at])
      return value.value
    })
  }

  /** A node of values only has neither properties nor a block. */
  #noMore(node: KdlNode): void {
    for (const { name, nameSpan } of node.properties) {
      this.#found.error(nameSpan, `${node.name} has no property ${name}`, {
        hint: 'Text with a = in it stands in quotes.',
      })
    }
    if (node.blockSpan) this.#found.error(node.blockSpan, `${node.name} has no block`)
  }

  #put(raw: Raw, seen: Map<string, Span>, shape: Shape | undefined, value: KdlValue, path: Path, nameSpan: Span): void {
    const field = String(path.at(-1))
    if (this.#isTwice(seen, field, nameSpan)) return
    this.#places.set(path, value.span)
    if (value.broken) this.#places.breakOff(path)
    raw[field] = shape?.path ? this.#absolute(value.value) : value.value
  }

  #absolute(value: unknown): unknown {
    return typeof value === 'string' && value !== '' ? resolvePath(value, this.#directory) : value
  }

  #isTwice(seen: Map<string, Span>, field: string, span: Span): boolean {
    const before = seen.get(field)
    if (!before) {
      seen.set(field, span)
      return false
    }
    const related = { span: before, message: 'the first one is here' }
    this.#found.error(span, `${nodeName(field)} is given twice`, { related, hint: 'Remove one of them.' })
    return true
  }

  /** The one of several shapes that the first value chooses, as in `network "tap"`. */
  #alternative(
    node: KdlNode,
    { oneOf = [], arguments: [choice = ''] = [], example }: Shape,
    path: Path,
  ): Shape | undefined {
    const allowed = oneOf.map((shape) => shape.properties![choice]!.const!)
    const [first] = node.values
    if (!first) {
      const values = allowed.map((value) => `"${value}"`).join(', ')
      this.#found.error(node.nameSpan, `${node.name} needs a ${choice}: one of ${values}`, {
        hint: example && `As in ${example}`,
      })
      return undefined
    }
    const shape = oneOf[allowed.indexOf(String(first.value))]
    if (!shape && !first.broken) {
      const written = this.#places.source.text.slice(first.span.start, first.span.end)
      this.#found.error(first.span, `${written} is not a ${choice} of ${node.name}`, {
        hint: suggestValue(String(first.value), node.name, allowed),
      })
    }
    if (shape) this.#places.set([...path, choice], first.span)
    return shape
  }

  #tooMany(node: KdlNode, value: KdlValue, positional: readonly string[], shape: Shape): void {
    const fields = [...blockFields(shape, positional).keys()]
    const takes = positional.length === 0 ? 'no value' : `only its ${positional.join(' and ')}`
    const hint = fields.length > 0 ? `The rest stands in its block: ${node.name} … { ${fields[0]} … }` : undefined
    this.#found.error(value.span, `${node.name} takes ${takes} here`, { hint })
  }
}

/** `provision "file"`, for what depends on that. */
function title(node: KdlNode, { properties = {} }: Shape): string {
  const chosen = Object.values(properties).find((shape) => shape.const !== undefined)?.const
  return chosen === undefined ? node.name : `${node.name} "${chosen}"`
}
