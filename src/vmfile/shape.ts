import { zod } from '../zod.js'
import type { NodeMeta } from './field.js'
import { machineSchema } from './schema.js'

/** The JSON schema of a field, as far as zod makes use of it for VMFiles: what decoding and the documentation go by. */
export interface Shape extends Partial<NodeMeta> {
  type?: string | string[]
  properties?: Record<string, Shape>
  required?: string[]
  items?: Shape
  oneOf?: Shape[]
  const?: string
  default?: unknown
}

let ofMachine: Shape | undefined

/** That of a `vm` node. */
export function machineShape(): Shape {
  ofMachine ??= zod().toJSONSchema(machineSchema(), { io: 'input' }) as Shape
  return ofMachine
}

/** `imageUrl` is written `image-url`. */
export function nodeName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

const fieldsOf = new WeakMap<Shape, Map<string, string>>()

/** Fields that stand in the block of a node, by the names that they are written with; `positional` are those behind its name. */
export function blockFields(shape: Shape, positional: readonly string[] = shape.arguments ?? []): Map<string, string> {
  const known = fieldsOf.get(shape)
  if (known) return known
  const names = Object.keys(shape.properties ?? {}).filter((field) => !positional.includes(field))
  const fields = new Map(names.map((field) => [nodeName(field), field]))
  fieldsOf.set(shape, fields)
  return fields
}

/** One value behind the node's name, and nothing else. */
export function isScalar(shape: Shape): boolean {
  return !shape.properties && !shape.oneOf && shape.type !== 'array'
}

/** The one of several shapes that a value has, as its constants tell. */
export function alternativeOf(value: Readonly<Record<string, unknown>>, shape: Shape): Shape {
  const fits = ({ properties = {} }: Shape) =>
    Object.entries(properties).every(([name, field]) => field.const === undefined || field.const === value[name])
  return shape.oneOf?.find(fits) ?? shape
}
