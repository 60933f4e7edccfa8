import type { Writable } from 'node:stream'
import { errnoOf } from '../errors.js'
import { shownInColour, shownJson } from '../shown-text.js'

/** Nobody reads standard output any more, as after `| head`. */
export function isBrokenPipe(error: unknown): boolean {
  return errnoOf(error) === 'EPIPE'
}

/**
 * A writer of `stream` with back-pressure: while its promise is pending, no more should be given.
 * @throws the stream's error, such as EPIPE, from this call or the next.
 */
export function writerOf(stream: Writable): (chunk: Uint8Array | string) => void | Promise<void> {
  let failure: Error | undefined
  stream.on('error', (error) => {
    failure ??= error
  })
  return (chunk) => {
    if (failure) throw failure
    if (stream.write(chunk)) return
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        stream.off('drain', settle).off('error', settle)
        if (error) reject(error)
        else resolve()
      }
      stream.once('drain', settle).once('error', settle)
    })
  }
}

/** Waits until what was written to stdout and stderr has left this process. */
export async function flush(): Promise<void> {
  const left = (stream: Writable) =>
    new Promise<void>((resolve) => {
      stream.once('error', () => resolve())
      if (stream.destroyed || stream.writableLength === 0) resolve()
      else stream.write('', () => resolve())
    })
  await Promise.all([left(process.stdout), left(process.stderr)])
}

/** Writes a whole text to standard output, as it may be shown, with its colours. */
export async function print(text: string): Promise<void> {
  const visible = shownInColour(text)
  await writerOf(process.stdout)(visible.endsWith('\n') ? visible : `${visible}\n`)
}

export async function printJson(value: unknown): Promise<void> {
  await print(shownJson(value))
}
