import type { Source, Span } from './source.js'

/** A field of a machine: `['provision', 0, 'script']`. */
export type Path = readonly (string | number)[]

/** Where in the source the fields of a machine stand. */
export class Places {
  readonly source: Source
  readonly #spans = new Map<string, Span>()
  readonly #broken: string[] = []

  constructor(source: Source) {
    this.source = source
  }

  set(path: Path, span: Span): void {
    this.#spans.set(path.join('.'), span)
  }

  /** What could not be read has been reported, and is not judged again. */
  breakOff(path: Path): void {
    this.#broken.push(path.join('.'))
  }

  /** Whether there is anything of the kind. */
  get anyBroken(): boolean {
    return this.#broken.length > 0
  }

  isBroken(path: Path): boolean {
    const key = path.join('.')
    return this.#broken.some((broken) => key === broken || key.startsWith(`${broken}.`))
  }

  has(path: Path): boolean {
    return this.#spans.has(path.join('.'))
  }

  /** That of the field, or of the nearest thing around it that is written down. */
  at(path: Path): Span {
    for (let length = path.length; length > 0; length--) {
      const span = this.#spans.get(path.slice(0, length).join('.'))
      if (span) return span
    }
    return this.#spans.get('')!
  }
}
