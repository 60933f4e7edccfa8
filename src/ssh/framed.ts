import { MayflyError } from '../errors.js'
import { formatBytes, MIB } from '../units.js'
import { AfterMarker } from './after-marker.js'
import { OutputBuffer } from './output.js'

/** What a look at a guest may print: no list of a guest's own is longer. */
export const MOST_LOOK_BYTES = 16 * MIB

/** One stream of a script's output, between a frame and the same frame with the script's status. */
export class Framed {
  /** Settles with the status when the frame has come. @throws MayflyError MAYFLY_OUTPUT_TOO_LARGE */
  readonly ended: Promise<number>
  readonly #frame: string
  readonly #end: RegExp
  readonly #beginning: AfterMarker
  readonly #output = new OutputBuffer(MOST_LOOK_BYTES, false)
  #over = false
  #last = ''
  #resolve: (status: number) => void = () => {}
  #reject: (error: MayflyError) => void = () => {}

  constructor(frame: string) {
    this.#frame = frame
    this.#end = new RegExp(`${frame} (\\d+)\\n$`)
    this.#beginning = new AfterMarker(frame)
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.ended.catch(() => {})
  }

  /** The first frame has come. */
  get started(): boolean {
    return this.#beginning.seen
  }

  /** What has come between the frames. */
  get text(): string {
    return this.#output.bytes().toString().replace(this.#end, '')
  }

  add(bytes: Buffer): void {
    if (this.#over) return
    // Before it comes what the shell's start-up files print.
    const chunk = this.#beginning.take(bytes)
    if (!this.#beginning.patient || !this.#output.add(chunk)) {
      this.#over = true
      this.#reject(tooLarge())
    } else if (chunk.length > 0) this.#look(chunk)
  }

  #look(chunk: Buffer): void {
    const longest = this.#frame.length + 8
    this.#last = (this.#last + chunk.subarray(-longest).toString('latin1')).slice(-longest)
    const status = this.#end.exec(this.#last)?.[1]
    if (status !== undefined) this.#resolve(Number(status))
  }
}

function tooLarge(): MayflyError {
  const limit = formatBytes(MOST_LOOK_BYTES)
  return new MayflyError('MAYFLY_OUTPUT_TOO_LARGE', `a look at the guest printed more than ${limit}`, {
    hint: 'Find out what the guest lists, or what its /bin/sh prints.',
  })
}
