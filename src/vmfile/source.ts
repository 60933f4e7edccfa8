/** A stretch of a text: offsets of its first character and of the one after its last. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A text and where it is from. Lines and columns count from 1, columns in UTF-16 units as editors do. */
export class Source {
  readonly path: string
  readonly text: string
  readonly #lineStarts: readonly number[]

  constructor(path: string, text: string) {
    this.path = path
    this.text = text
    this.#lineStarts = [0, ...Array.from(text.matchAll(/\r\n|[\n\r]/g), (match) => match.index + match[0].length)]
  }

  position(offset: number): { line: number; column: number } {
    const starts = this.#lineStarts
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    const bom = low === 0 && this.text.startsWith('\uFEFF') ? 1 : 0
    return { line: low + 1, column: Math.max(1, offset - starts[low]! + 1 - bom) }
  }

  /** `VMFile.kdl:3:5`, which editors and terminals open. */
  place({ start }: Span): string {
    const { line, column } = this.position(start)
    return `${this.path}:${line}:${column}`
  }

  /** The line of a span and the one before it, with carets below what is meant. */
  frame(span: Span): string[] {
    const { line } = this.position(span.start)
    const gutter = `${line}`.length
    const numbered = (number: number) => `${`${number}`.padStart(gutter)} | ${this.#line(number)}`.trimEnd()
    const start = this.#lineStarts[line - 1]!
    const before = this.text.slice(start, span.start).replace('\uFEFF', '').replace(/[^\t]/gu, ' ')
    const marked = this.text.slice(span.start, Math.min(span.end, start + this.#line(line).length))
    const carets = '^'.repeat(Math.max(1, Array.from(marked).length))
    const above = line > 1 && this.#line(line - 1).trim() !== '' ? [numbered(line - 1)] : []
    return [...above, numbered(line), `${' '.repeat(gutter)} | ${before}${carets}`]
  }

  #line(number: number): string {
    const text = this.text.slice(this.#lineStarts[number - 1], this.#lineStarts[number])
    return visible(text.replace(/[\r\n]+$/, '').replace('\uFEFF', ''))
  }
}

/** What would move the cursor, or turn the direction of writing, is shown as one odd character. */
function visible(text: string): string {
  return text.replace(UNSEEN, '\uFFFD')
}

const UNSEEN = /[^\P{Cc}\t]|[\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu
