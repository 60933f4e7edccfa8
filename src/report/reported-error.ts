import { readFile } from 'node:fs/promises'
import { isAbsolute, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SerializedError } from 'vitest'
import type { Frame, ReportedError, SourceExcerpt } from './model.js'

const LINES_BEFORE = 4
const LINES_AFTER = 3
const MOST_FRAMES = 12
const MOST_CAUSES = 5
const MOST_TEXT = 64 * 1024

/** What the page shows of errors, with the source lines that they come from. */
export class ErrorReader {
  readonly #root: string
  readonly #sources = new Map<string, Promise<string[] | undefined>>()

  constructor(root: string) {
    this.#root = root
  }

  /** @param file the one that the reader has written: its lines tell more than those of what it calls. */
  async read(error: SerializedError, file?: string, depth = 0): Promise<ReportedError> {
    const frames = framesOf(error)
    const frame = frames.find((one) => one.file === file) ?? frames.find(isOwn) ?? frames[0]
    const source = frame && (await this.#excerpt(frame))
    const diff = typeof error.diff === 'string' ? error.diff.slice(0, MOST_TEXT) : undefined
    return {
      name: String(error.name ?? 'Error'),
      message: String(error.message ?? '').slice(0, MOST_TEXT),
      ...(diff && { diff }),
      frames: frames.map((frame) => ({ ...frame, file: this.#short(frame.file) })),
      ...(source && { source }),
      ...(isError(error.cause) && depth < MOST_CAUSES && { cause: await this.read(error.cause, file, depth + 1) }),
    }
  }

  async #excerpt({ file, line }: Frame): Promise<SourceExcerpt | undefined> {
    const reading = this.#sources.get(file) ?? linesOf(file)
    this.#sources.set(file, reading)
    const lines = await reading
    if (!lines || line > lines.length) return undefined
    const first = Math.max(1, line - LINES_BEFORE)
    return { file: this.#short(file), line, first, lines: lines.slice(first - 1, line + LINES_AFTER) }
  }

  #short(file: string): string {
    const path = relative(this.#root, file)
    return !isAbsolute(file) || path.startsWith('..') ? file : path
  }
}

function isError(value: unknown): value is SerializedError {
  return typeof value === 'object' && value !== null && 'message' in value
}

async function linesOf(file: string): Promise<string[] | undefined> {
  // A line of generated code can be longer than a page.
  const text = await readFile(file, 'utf8').catch(() => undefined)
  return text?.split('\n').map((line) => line.slice(0, 400))
}

/** vitest's frames point into the sources; errors outside of tests only have what V8 wrote. */
function framesOf({ stacks, stack = '' }: SerializedError): Frame[] {
  const frames = stacks?.length
    ? stacks.map(({ file, line, column, method }) => ({ file, line, column, method }))
    : parse(stack)
  return frames.slice(0, MOST_FRAMES).map((frame) => ({ ...frame, file: plainPath(frame.file) }))
}

function parse(stack: string): Frame[] {
  return [...stack.matchAll(/^\s+at (?:(.+?) \()?((?:file:\/\/)?\/[^\n]*?):(\d+):(\d+)\)?$/gm)].map(
    ([, method = '', file = '', line, column]) => ({ method, file, line: Number(line), column: Number(column) }),
  )
}

function isOwn({ file }: Frame): boolean {
  return !file.includes('/node_modules/')
}

function plainPath(file: string): string {
  try {
    return file.startsWith('file://') ? fileURLToPath(file) : file
  } catch {
    return file
  }
}
