import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { pageSize } from '../host/page-size.js'
import { performance, yieldToEvents } from '../node-globals.js'

/** A stretch of a process's memory that shows a file from `offset` on. */
interface Mapping {
  start: number
  end: number
  offset: number
}

/** Pages from one to another, both included. */
interface Run {
  first: number
  last: number
}

/** Clean pages between dirty ones are copied along: cheaper than another pair of system calls. */
const LARGEST_GAP = 64 * 1024
const LARGEST_COPY = 4 * 1024 * 1024
const PAGEMAP_ENTRY = 8
/** Pages looked up at a time: a quarter MiB of entries. */
const LOOKED_UP = 32 * 1024
/** How long other work of this process may be held up. */
const SLICE_MS = 4

/**
 * What a process has written to its private view of a file. The kernel gives each page that was written to memory of its own,
 * and tells: those are the ones that are no longer the file's.
 * @see https://www.kernel.org/doc/html/latest/admin-guide/mm/pagemap.html
 */
export class DirtyPages implements Disposable {
  readonly #pid: number
  readonly #path: string
  readonly #pagemap: number
  readonly #memory: number
  readonly #page = pageSize()

  private constructor(pid: number, path: string, pagemap: number, memory: number) {
    this.#pid = pid
    this.#path = path
    this.#pagemap = pagemap
    this.#memory = memory
  }

  /**
   * @param size of the file, all of which the process must have in view.
   * @throws an error where this process may not look into another's memory, or there is no /proc.
   */
  static async open(pid: number, path: string, size: number): Promise<DirtyPages> {
    const real = await realpath(path)
    const pagemap = openSync(`/proc/${pid}/pagemap`, 'r')
    try {
      const pages = new DirtyPages(pid, real, pagemap, openSync(`/proc/${pid}/mem`, 'r'))
      const mapped = pages.#mappings().reduce((sum, { start, end }) => sum + end - start, 0)
      if (mapped >= size) return pages
      closeSync(pages.#memory)
      throw new Error(`process ${pid} maps ${mapped} of ${size} bytes of ${real}`)
    } catch (error) {
      closeSync(pagemap)
      throw error
    }
  }

  /** Bytes that a copy would write now. */
  get bytes(): number {
    let sum = 0
    for (const mapping of this.#mappings()) {
      for (const { first, last } of this.#runs(mapping)) sum += (last + 1 - first) * this.#page
    }
    return sum
  }

  /** Writes them where they belong in a copy of the file; what it writes is of one moment if the process stands still. Returns the bytes written. */
  async copyTo(file: number): Promise<number> {
    const buffer = Buffer.allocUnsafe(LARGEST_COPY)
    let copied = 0
    let sliceEnd = performance.now() + SLICE_MS
    for (const mapping of this.#mappings()) {
      for (const { first, last } of this.#runs(mapping)) {
        const at = first * this.#page
        const length = (last + 1 - first) * this.#page
        readFully(this.#memory, buffer, length, mapping.start + at)
        writeFully(file, buffer, length, mapping.offset + at)
        copied += length
        if (performance.now() < sliceEnd) continue
        await yieldToEvents()
        sliceEnd = performance.now() + SLICE_MS
      }
    }
    return copied
  }

  [Symbol.dispose](): void {
    closeSync(this.#pagemap)
    closeSync(this.#memory)
  }

  #mappings(): Mapping[] {
    // The kernel writes a line feed in a path as \012.
    const path = this.#path.replaceAll('\n', '\\012')
    return readFileSync(`/proc/${this.#pid}/maps`, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, start, end, offset, shown] = /^(\w+)-(\w+) ...p (\w+) \S+ \d+ +(.*)$/.exec(line) ?? []
        if (shown !== path) return []
        return [{ start: hex(start), end: hex(end), offset: hex(offset) }]
      })
  }

  *#runs({ start, end }: Mapping): Generator<Run> {
    const pages = (end - start) / this.#page
    const farthest = LARGEST_GAP / this.#page
    const longest = LARGEST_COPY / this.#page
    const entries = new Uint32Array((LOOKED_UP * PAGEMAP_ENTRY) / Uint32Array.BYTES_PER_ELEMENT)
    const bytes = Buffer.from(entries.buffer)
    let run: Run | undefined
    for (let from = 0; from < pages; from += LOOKED_UP) {
      const count = Math.min(LOOKED_UP, pages - from)
      readFully(this.#pagemap, bytes, count * PAGEMAP_ENTRY, (start / this.#page + from) * PAGEMAP_ENTRY)
      for (let index = 0; index < count; index++) {
        if (!isOwn(entries[2 * index + 1]!)) continue
        const page = from + index
        if (run && page - run.last <= farthest && page - run.first < longest) run.last = page
        else {
          if (run) yield run
          run = { first: page, last: page }
        }
      }
    }
    if (run) yield run
  }
}

/** The high half of a pagemap entry: bit 63, in memory; 62, swapped out; 61, a page of the file (or shared). */
function isOwn(high: number): boolean {
  const swapped = (high & 0x4000_0000) !== 0
  return swapped || ((high & 0x8000_0000) !== 0 && (high & 0x2000_0000) === 0)
}

function hex(digits: string | undefined): number {
  return Number.parseInt(digits ?? '', 16)
}

function readFully(file: number, buffer: Buffer, length: number, position: number): void {
  for (let done = 0; done < length; ) {
    const count = readSync(file, buffer, done, length - done, position + done)
    if (count === 0) throw new Error(`the memory of a process ended at ${position + done}`)
    done += count
  }
}

function writeFully(file: number, buffer: Buffer, length: number, position: number): void {
  for (let done = 0; done < length; ) done += writeSync(file, buffer, done, length - done, position + done)
}
