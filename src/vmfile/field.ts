import { toBytes } from '../units.js'
import { zod } from '../zod.js'

/** What zod's own vocabulary lacks to describe a node; it stands in the JSON schema beside the rest. */
export interface NodeMeta {
  description: string
  /** What may be written, for people: ends the sentence "… expects". */
  expects?: string
  /** As written in a VMFile. */
  example?: string
  /** Fields that are written behind the node's name, in this order; the others stand in its block. */
  arguments?: string[]
  /** Several nodes of this name are one list. */
  repeatable?: true
  /** A path on the host: from the file's directory, with ~ for the home directory. */
  path?: true
  /** For a mistake that is made often. */
  hint?: string
}

export const meta = (
  description: string,
  more: Omit<NodeMeta, 'description'> = {},
): NodeMeta & Record<string, unknown> => ({
  description,
  ...more,
})

export const path = (description: string, example: string) =>
  zod()
    .string()
    .min(1)
    .meta(meta(description, { expects: 'a path', example, path: true }))

export const text = (description: string, expects: string, example: string) =>
  zod().string().min(1).meta(meta(description, { expects, example }))

export const size = (description: string, unit: string, example: string) =>
  zod()
    .union([
      zod().int().positive(),
      zod()
        .string()
        .refine((value) => isSize(value)),
    ])
    .meta(
      meta(description, {
        expects: `a whole number of ${unit}, or a size such as "2GiB"`,
        example,
        hint: `A bare number counts ${unit}. Other units stand in quotes, as in "512MiB" or "20GiB".`,
      }),
    )

function isSize(value: string): boolean {
  try {
    return toBytes(value, 1) > 0
  } catch {
    return false
  }
}

export const hostPath = '(relative to the VMFile, `~` is the home directory)'

export const guestPath = (description: string, example: string) =>
  zod()
    .string()
    .startsWith('/')
    .meta(meta(description, { expects: 'an absolute path in the guest', example }))
