import { z } from 'zod'
import { machineSchema, type NodeMeta } from './schema.js'

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

export const machineShape = z.toJSONSchema(machineSchema, { io: 'input', unrepresentable: 'any' }) as Shape

/** `imageUrl` is written `image-url`. */
export function nodeName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Fields that stand in the block of a node, by the names that they are written with. */
export function blockFields(shape: Shape): Map<string, string> {
  const fields = Object.keys(shape.properties ?? {}).filter((field) => !shape.arguments?.includes(field))
  return new Map(fields.map((field) => [nodeName(field), field]))
}

/** One value behind the node's name, and nothing else. */
export function isScalar(shape: Shape): boolean {
  return !shape.properties && !shape.oneOf && shape.type !== 'array'
}
