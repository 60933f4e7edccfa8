import { BLOCK, checkedSize, damaged, paddingOf, parseHeader, type RawHeader } from './tar-format.js'

/** Takes what an archive holds, in its order. Names are bytes in latin1 strings. */
export interface TarSink {
  directory(entry: RawHeader): Promise<void>
  symlink(entry: RawHeader): Promise<void>
  hardLink(entry: RawHeader): Promise<void>
  openFile(entry: RawHeader): Promise<void>
  writeFile(chunk: Buffer): Promise<void>
  closeFile(): Promise<void>
  /** A device or a FIFO, which is not copied. */
  skip(entry: RawHeader): void
}

/** Most bytes of a header that extends the next: a name in GNU format, or pax records. No file system has longer names. */
const LONGEST_NAME = 64 * 1024
const LONGEST_PAX = 1024 * 1024

const REGULAR_FILES = ['0', '\0', '7']

/** Reads an archive that arrives in chunks: ustar, GNU long names and binary sizes, pax path, linkpath and size. */
export class TarReader {
  readonly #sink: TarSink
  #buffered: Buffer = Buffer.alloc(0)
  #remaining = 0
  #padding = 0
  #file = false
  #special: { flag: string; chunks: Buffer[] } | undefined
  #overrides: Partial<RawHeader> = {}
  #ended = false

  constructor(sink: TarSink) {
    this.#sink = sink
  }

  /** Whether the archive's end mark has been read. */
  get ended(): boolean {
    return this.#ended
  }

  /** @throws Error if the archive is damaged, and whatever the sink throws; nothing may be written after that. */
  async write(chunk: Buffer): Promise<void> {
    let data = this.#buffered.length > 0 ? Buffer.concat([this.#buffered, chunk]) : chunk
    this.#buffered = Buffer.alloc(0)
    while (data.length > 0 && !this.#ended) {
      if (this.#remaining > 0) {
        const part = data.subarray(0, this.#remaining)
        data = data.subarray(part.length)
        this.#remaining -= part.length
        if (this.#file) await this.#sink.writeFile(part)
        else this.#special?.chunks.push(Buffer.from(part))
        if (this.#remaining === 0) await this.#endContents()
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, data.length)
        this.#padding -= skipped
        data = data.subarray(skipped)
      } else if (data.length < BLOCK) {
        this.#buffered = Buffer.from(data)
        return
      } else {
        await this.#header(parseHeader(data.subarray(0, BLOCK)))
        data = data.subarray(BLOCK)
      }
    }
  }

  async #header(raw: RawHeader | undefined): Promise<void> {
    if (!raw) {
      this.#ended = true
      return
    }
    if ('LKxg'.includes(raw.flag)) {
      const most = 'LK'.includes(raw.flag) ? LONGEST_NAME : LONGEST_PAX
      if (raw.size > most) throw new Error(`the archive has a header of ${raw.size} bytes: at most ${most} are read`)
      this.#special = { flag: raw.flag, chunks: [] }
      return await this.#begin(raw.size)
    }
    const entry = { ...raw, ...this.#overrides }
    this.#overrides = {}
    // Old archives mark a directory by its name alone.
    const flag = REGULAR_FILES.includes(entry.flag) && entry.name.endsWith('/') ? '5' : entry.flag
    if (flag === '5') await this.#sink.directory(entry)
    else if (flag === '2') await this.#sink.symlink(entry)
    else if (flag === '1') await this.#sink.hardLink(entry)
    else if ('346'.includes(flag)) {
      this.#sink.skip(entry)
      await this.#begin(entry.size)
    } else if (REGULAR_FILES.includes(flag)) {
      await this.#sink.openFile(entry)
      this.#file = true
      await this.#begin(entry.size)
    } else throw new Error(`the archive has an entry of an unknown type: ${JSON.stringify(flag)}`)
  }

  async #begin(size: number): Promise<void> {
    this.#remaining = size
    this.#padding = paddingOf(size)
    if (size === 0) await this.#endContents()
  }

  async #endContents(): Promise<void> {
    if (this.#file) {
      this.#file = false
      await this.#sink.closeFile()
    }
    if (this.#special) {
      const { flag, chunks } = this.#special
      this.#special = undefined
      const contents = Buffer.concat(chunks)
      if (flag === 'L') this.#overrides.name = untilNul(contents)
      else if (flag === 'K') this.#overrides.linkName = untilNul(contents)
      else if (flag === 'x') Object.assign(this.#overrides, parsePax(contents))
    }
  }
}

function untilNul(bytes: Buffer): string {
  return bytes.toString('latin1').split('\0', 1)[0]!
}

/** Records of the form `<length> <key>=<value>\n`, the length counting the whole record (POSIX.1-2001 pax). */
function parsePax(bytes: Buffer): Partial<RawHeader> {
  const found: Partial<RawHeader> = {}
  const text = bytes.toString('latin1')
  for (let at = 0; at < text.length; ) {
    const [start, digits] = /^(\d{1,7}) /.exec(text.slice(at, at + 8)) ?? []
    const end = at + Number(digits)
    if (start === undefined || end > text.length || text[end - 1] !== '\n' || end <= at + start.length) {
      throw damaged('a pax record that is not one')
    }
    const record = text.slice(at + start.length, end - 1)
    const equals = record.indexOf('=')
    const key = record.slice(0, equals)
    const value = record.slice(equals + 1)
    if (key.startsWith('GNU.sparse.')) throw new Error('the archive has a sparse file, whose form is not read')
    if (key === 'path' || key === 'linkpath') {
      if (value.includes('\0')) throw damaged('a name with a NUL byte')
      found[key === 'path' ? 'name' : 'linkName'] = value
    }
    if (key === 'size') {
      if (!/^\d+$/.test(value)) throw damaged('a size that is not one')
      found.size = checkedSize(Number(value))
    }
    at = end
  }
  return found
}
