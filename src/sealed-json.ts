import { createHash, randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { errnoOf, messageOf } from './errors.js'
import { Date } from './node-globals.js'

/** As much of a zod schema as is needed here, so that zod loads only with the schemas themselves. */
export interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Complaint }
}

interface Complaint {
  issues: readonly { path: PropertyKey[]; message: string }[]
}

export interface ReadOptions {
  /** Takes a document without a checksum: one that an older Mayfly wrote. */
  unsealed?: boolean | undefined
}

/** JSON text of `value`, with a checksum of all that it says as one more member. */
export function sealedJson(value: object): string {
  const content = JSON.parse(JSON.stringify(value)) as object
  return `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`
}

/** What such a text says, or a clause that says why it cannot be used. */
export function parseSealed<T>(text: string, schema: Schema<T>, { unsealed = false }: ReadOptions = {}): T | string {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return messageOf(error)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'it is not a JSON object'
  const { checksum, ...content } = parsed as Record<string, unknown>
  if (checksum === undefined ? !unsealed : checksum !== checksumOf(content)) {
    return checksum === undefined ? 'it has no checksum' : 'it does not match its checksum'
  }
  const result = schema.safeParse(content)
  // What the schema does not know is kept: a checksum vouches for it.
  return result.success ? (content as T) : describeIssues(result.error)
}

/** The document in a file: undefined if there is no such file, a clause that says why if it cannot be used. */
export async function readSealed<T>(
  path: string,
  schema: Schema<T>,
  options?: ReadOptions,
): Promise<T | string | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR' ? undefined : messageOf(error)
  }
  return parseSealed(text, schema, options)
}

/** Replaces the document in one step. Only its owner may read it. */
export async function writeSealed(path: string, value: object, { flush = false } = {}): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.new`
  try {
    await writeFile(temporary, sealedJson(value), { mode: 0o600, flush })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

/** `parent.key: expected string`, for all that a schema complains of. */
export function describeIssues({ issues }: Complaint): string {
  return issues.map(({ path, message }) => `${path.map(String).join('.') || 'it'}: ${message}`).join('; ')
}

/** Of the meaning, not of the bytes: line breaks and indentation may differ. */
function checksumOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32)
}

/** For a schema: whether a text is a moment. */
export function isDate(text: string): boolean {
  return !Number.isNaN(Date.parse(text))
}
