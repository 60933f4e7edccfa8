import { StringDecoder } from 'node:string_decoder'
import { shownInColour, shownPlain } from '../shown-text.js'

const ESCAPE = '\u001b'
/** What may go on in the next piece: the end of a line, or a colour. */
const UNFINISHED = new RegExp(`(?:\\r+|${ESCAPE}(?:\\[[\\d;]{0,40})?)$`)

/** Bytes of a log that come in pieces, as they may be shown; with their colours where those are wanted. */
export class ShownStream {
  readonly #decoder = new StringDecoder('utf8')
  readonly #colours: boolean
  #held = ''

  constructor(colours: boolean) {
    this.#colours = colours
  }

  push(chunk: Buffer): string {
    const text = this.#held + this.#decoder.write(chunk)
    this.#held = UNFINISHED.exec(text)?.[0] ?? ''
    return this.#show(text.slice(0, text.length - this.#held.length))
  }

  end(): string {
    const text = this.#held + this.#decoder.end()
    this.#held = ''
    return this.#show(text)
  }

  #show(text: string): string {
    return this.#colours ? shownInColour(text) : shownPlain(text)
  }
}
