import { messageOf } from '../errors.js'

/** Something that is wrong with an option, and where. */
export interface Fault {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

export interface PlainOptions {
  /** Where functions are allowed. */
  mayBeFunction: (path: readonly PropertyKey[]) => boolean
}

/** Deeper or larger than any definition that people write. */
const MOST_LEVELS = 64
const MOST_VALUES = 200_000

/**
 * A copy of plain data, for which every property is read exactly once. What is not plain data becomes a fault and is
 * undefined in the copy: a getter or a proxy that throws, a BigInt, a symbol, a function, an instance of a class, a value that contains itself.
 */
export function plainCopy(value: unknown, options: PlainOptions): { copy: unknown; faults: readonly Fault[] } {
  const copier = new Copier(options)
  return { copy: copier.copy(value, []), faults: copier.faults }
}

class Copier {
  readonly faults: Fault[] = []
  readonly #options: PlainOptions
  readonly #around = new Set<object>()
  #values = 0

  constructor(options: PlainOptions) {
    this.#options = options
  }

  copy(value: unknown, path: readonly PropertyKey[]): unknown {
    this.#values++
    if (typeof value === 'bigint') return this.#fault(path, `a BigInt is not allowed: write ${brief(`${value}`)}`)
    if (typeof value === 'number' && !Number.isFinite(value)) return this.#fault(path, `not a finite number: ${value}`)
    if (typeof value === 'symbol') return this.#fault(path, 'a symbol is not allowed')
    if (typeof value === 'function') {
      return this.#options.mayBeFunction(path) ? value : this.#fault(path, 'a function is not allowed')
    }
    if (typeof value !== 'object' || value === null) return value
    if (this.#around.has(value)) return this.#fault(path, 'the value contains itself')
    if (path.length > MOST_LEVELS) return this.#fault(path.slice(0, 4), `nested more than ${MOST_LEVELS} levels deep`)
    this.#around.add(value)
    try {
      return Array.isArray(value) ? this.#list(value, path) : this.#record(value, path)
    } catch (error) {
      return this.#fault(path, `cannot be read: ${thrown(error)}`)
    } finally {
      this.#around.delete(value)
    }
  }

  #list(list: readonly unknown[], path: readonly PropertyKey[]): unknown {
    const { length } = list
    if (this.#isTooLarge(length, path)) return undefined
    return Array.from({ length }, (_, index) => this.#property(list, index, path))
  }

  #record(record: object, path: readonly PropertyKey[]): unknown {
    const kind = classOf(record)
    if (kind !== undefined) return this.#fault(path, `an instance of ${kind} is not allowed: write plain data`)
    const copy: Record<PropertyKey, unknown> = {}
    const keys = Reflect.ownKeys(record).filter((key) => Object.prototype.propertyIsEnumerable.call(record, key))
    if (this.#isTooLarge(keys.length, path)) return undefined
    for (const key of keys) {
      if (typeof key === 'symbol') this.#fault([...path, key], 'a symbol is not the name of an option')
      // `__proto__` as a key of its own, not as what it means.
      else {
        const value = this.#property(record, key, path)
        Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true })
      }
    }
    return copy
  }

  #property(owner: object, key: PropertyKey, path: readonly PropertyKey[]): unknown {
    const at = [...path, key]
    let value: unknown
    try {
      value = (owner as Record<PropertyKey, unknown>)[key]
    } catch (error) {
      return this.#fault(at, `cannot be read: ${thrown(error)}`)
    }
    return this.copy(value, at)
  }

  #isTooLarge(more: number, path: readonly PropertyKey[]): boolean {
    if (this.#values + more <= MOST_VALUES) return false
    // Said once: everything after it is too much as well.
    if (this.#values < MOST_VALUES) this.#fault(path, `more than ${MOST_VALUES} values`)
    this.#values = MOST_VALUES
    return true
  }

  #fault(path: readonly PropertyKey[], message: string): undefined {
    this.faults.push({ path, message })
    return undefined
  }
}

/** The name of an object's class; undefined for a plain object, also of another realm. */
function classOf(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return undefined
  const { name } = (value as { constructor?: { name?: unknown } }).constructor ?? {}
  return typeof name === 'string' && name !== '' ? brief(name) : 'a class'
}

function thrown(error: unknown): string {
  try {
    return brief(messageOf(error)) || 'it threw an error'
  } catch {
    return 'it threw an error'
  }
}

/** On one line, and not long. */
export function brief(text: string, most = 120): string {
  const line = JSON.stringify(text.slice(0, most + 1))
    .slice(1, -1)
    .replaceAll('\\"', '"')
  return line.length > most ? `${line.slice(0, most)}…` : line
}
