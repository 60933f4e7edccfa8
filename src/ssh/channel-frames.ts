/** What goes over a socket that stands for one SSH channel: a byte for the kind, four for the length, the payload. */
export const FRAME = {
  /** Both ways: the command's standard input, or its standard output. */
  data: 1,
  stderr: 2,
  /** Both ways: nothing more will come. */
  eof: 3,
  /** Answers to the request: it is open, or the reason why it is not, as text. */
  opened: 4,
  failed: 5,
  /** What the channel's 'close' event brings, as JSON: the last frame. */
  closed: 6,
  /** A signal's name. */
  signal: 7,
  /** Rows and columns, as JSON. */
  resize: 8,
  close: 9,
  /** Kill what runs in it, and close it. */
  abandon: 10,
} as const

export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

const HEADER = 5
const EMPTY = Buffer.alloc(0)

export function encodeFrame(kind: FrameKind, payload: Buffer | string = EMPTY): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  const frame = Buffer.allocUnsafe(HEADER + body.length)
  frame[0] = kind
  frame.writeUInt32BE(body.length, 1)
  body.copy(frame, HEADER)
  return frame
}

/** Puts frames together again out of what a socket brings. */
export class FrameReader {
  readonly #onFrame: (kind: FrameKind, payload: Buffer) => void
  #rest: Buffer = EMPTY

  constructor(onFrame: (kind: FrameKind, payload: Buffer) => void) {
    this.#onFrame = onFrame
  }

  add(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= HEADER) {
      const end = HEADER + bytes.readUInt32BE(1)
      if (bytes.length < end) break
      this.#onFrame(bytes[0] as FrameKind, bytes.subarray(HEADER, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes
  }
}
