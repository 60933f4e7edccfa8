import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'

const MIB = 1024 ** 2
const LARGEST = 2 * MIB
const ALL = 48 * MIB

const TYPES: [magic: string, type: string][] = [
  ['89504e470d0a1a0a', 'image/png'],
  ['ffd8ff', 'image/jpeg'],
]

/** Pictures that go into the page itself, equal ones once. */
export class Pictures {
  readonly #uris: Record<string, string> = {}
  #left = ALL

  /** Data URIs by name. */
  get uris(): Readonly<Record<string, string>> {
    return this.#uris
  }

  /** The name of the picture in the file; undefined if that is no picture, is gone, or is too large. */
  async add(path: string): Promise<string | undefined> {
    const size = await stat(path).then(
      (found) => (found.isFile() ? found.size : undefined),
      () => undefined,
    )
    if (size === undefined || size > Math.min(LARGEST, this.#left)) return undefined
    const bytes = await readFile(path).catch(() => undefined)
    const type = bytes && typeOf(bytes)
    if (!type) return undefined
    const name = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
    if (!(name in this.#uris)) {
      this.#uris[name] = `data:${type};base64,${bytes.toString('base64')}`
      this.#left -= bytes.length
    }
    return name
  }
}

function typeOf(bytes: Buffer): string | undefined {
  const start = bytes.subarray(0, 8).toString('hex')
  return TYPES.find(([magic]) => start.startsWith(magic))?.[1]
}
