/** One stream of a script's output, between a frame and the same frame with the script's status. */
export class Framed {
  /** Settles with the status when the frame has come. */
  readonly ended: Promise<number>
  readonly #frame: Buffer
  readonly #end: RegExp
  readonly #chunks: Buffer[] = []
  #started = false
  #last = ''
  #resolve: (status: number) => void = () => {}

  constructor(frame: string) {
    this.#frame = Buffer.from(frame)
    this.#end = new RegExp(`${frame} (\\d+)\\n$`)
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** The first frame has come. */
  get started(): boolean {
    return this.#started
  }

  /** What has come between the frames. */
  get text(): string {
    return this.#started ? Buffer.concat(this.#chunks).toString().replace(this.#end, '') : ''
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    if (!this.#started) {
      // Before it comes what the shell's start-up files print.
      const bytes = Buffer.concat(this.#chunks)
      const index = bytes.indexOf(this.#frame)
      this.#chunks.splice(0, Number.POSITIVE_INFINITY, index < 0 ? bytes : bytes.subarray(index + this.#frame.length))
      if (index < 0) return
      this.#started = true
      this.#look(this.#chunks[0]!)
    } else this.#look(chunk)
  }

  #look(chunk: Buffer): void {
    const longest = this.#frame.length + 8
    this.#last = (this.#last + chunk.subarray(-longest).toString('latin1')).slice(-longest)
    const status = this.#end.exec(this.#last)?.[1]
    if (status !== undefined) this.#resolve(Number(status))
  }
}
