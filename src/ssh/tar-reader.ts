import { BLOCK, paddingOf, parseHeader, type RawHeader } from './tar-format.js'

/** Takes what an archive holds, in its order. Names are bytes in latin1 strings. */
export interface TarSink {
  directory(entry: RawHeader): Promise<void>
  symlink(entry: RawHeader): Promise<void>
  hardLink(entry: RawHeader): Promise<void>
  openFile(entry: RawHeader): Promise<void>
  writeFile(chunk: Buffer): Promise<void>
  closeFile(): Promise<void>
}

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

  async write(chunk: Buffer): Promise<void> {
    let data = this.#buffered.length > 0 ? Buffer.concat([this.#buffered, chunk]) : chunk
    this.#buffered = Buffer.alloc(0)
    while (data.length > 0 && !this.#ended) {
      if (this.#remaining > 0) {
        const part = data.subarray(0, this.#remaining)
        data = data.subarray(part.length)
        this.#remaining -= part.length
        if (this.#file) await this.#sink.writeFile(part)
        else this.#special?.chunks.push(part)
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
      this.#special = { flag: raw.flag, chunks: [] }
      this.#begin(raw.size)
      return
    }
    const entry = { ...raw, ...this.#overrides }
    this.#overrides = {}
    // Old archives mark a directory by its name alone.
    const flag = (entry.flag === '0' || entry.flag === '\0') && entry.name.endsWith('/') ? '5' : entry.flag
    if (flag === '5') await this.#sink.directory(entry)
    else if (flag === '2') await this.#sink.symlink(entry)
    else if (flag === '1') await this.#sink.hardLink(entry)
    else if (flag === '0' || flag === '\0' || flag === '7') {
      await this.#sink.openFile(entry)
      this.#file = true
      this.#begin(entry.size)
      if (entry.size === 0) await this.#endContents()
    } else this.#begin(entry.size)
  }

  #begin(size: number): void {
    this.#remaining = size
    this.#padding = paddingOf(size)
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
    const length = Number.parseInt(text.slice(at), 10)
    if (!(length > 0)) break
    const record = text.slice(text.indexOf(' ', at) + 1, at + length - 1)
    const equals = record.indexOf('=')
    const value = record.slice(equals + 1)
    if (record.startsWith('path=')) found.name = value
    if (record.startsWith('linkpath=')) found.linkName = value
    if (record.startsWith('size=')) found.size = Number(value)
    at += length
  }
  return found
}
