import { MayflyError } from '../errors.js'
import { MIB } from '../units.js'
import type { ExecResult } from './exec.js'
import { lastLines } from './output.js'

/** What start-up files may print. More is a program that does not end. */
const MOST_BYTES = MIB
const KEPT_BYTES = 4096
const EMPTY = Buffer.alloc(0)

/** Drops the bytes of a stream up to a marker and the marker itself: what a login shell's start-up files print. */
export class AfterMarker {
  readonly #marker: Buffer
  #last: Buffer = EMPTY
  #dropped = 0
  #seen = false

  constructor(marker: string) {
    this.#marker = Buffer.from(marker)
  }

  get seen(): boolean {
    return this.#seen
  }

  /** False once too much has come without a marker. */
  get patient(): boolean {
    return this.#seen || this.#dropped <= MOST_BYTES
  }

  /** The end of what came while there was no marker. */
  get before(): Buffer {
    return this.#last
  }

  /** What of `chunk` comes after the marker. */
  take(chunk: Buffer): Buffer {
    if (this.#seen) return chunk
    const bytes = Buffer.concat([this.#last, chunk])
    const index = bytes.indexOf(this.#marker)
    this.#dropped += chunk.length
    this.#seen = index >= 0
    this.#last = this.#seen ? EMPTY : bytes.subarray(-KEPT_BYTES)
    return this.#seen ? bytes.subarray(index + this.#marker.length) : EMPTY
  }
}

/** A script that has not printed its marker, and what came instead. @param status undefined if it printed too much */
export function notBegun(
  name: string,
  username: string,
  { stdout, stderr }: { stdout: AfterMarker; stderr: AfterMarker },
  status: Pick<ExecResult, 'exitCode' | 'signal'> | undefined,
): MayflyError {
  const said = [...lastLines('stdout', stdout.before), ...lastLines('stderr', stderr.before)]
  const how = status ? `ended with ${status.signal ?? `status ${status.exitCode}`}` : 'printed more than 1 MiB'
  return new MayflyError('MAYFLY_SSH_FAILED', `the login shell of user '${username}' ${how} and did not run /bin/sh`, {
    details: [`for: ${name}`, ...said],
    hint: 'Mayfly needs a login shell that runs commands. Set one with `usermod -s`, and look at its start-up files.',
  })
}
