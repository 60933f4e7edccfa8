import { randomBytes } from 'node:crypto'
import { AfterMarker } from './after-marker.js'
import { EXIT_CSH } from './any-shell.js'
import { type OpenChannel, openExecChannel } from './channel.js'
import type { SshConnection } from './connection.js'
import { abandon } from './ssh2-internals.js'

/** Longer commands are not worth a shell that reads them byte by byte. */
const LONGEST_BYTES = 2_000

/**
 * The user's shell, started and waiting for its command, which comes on standard input before the command's own. A server
 * takes longer to start a shell than the shell to run most commands, above all where both are emulated.
 */
export class WaitingShell {
  /** Ends the command, and is in the shell's command line: by it the shell and its descendants are found and killed. */
  readonly token: string
  readonly #open: OpenChannel

  private constructor(token: string, open: OpenChannel) {
    this.token = token
    this.#open = open
  }

  /** Starts one on `connection`; settles when it waits. */
  static async start(connection: SshConnection): Promise<WaitingShell> {
    const token = `MAYFLY_EXEC_${randomBytes(8).toString('hex')}`
    // Shell built-ins only: another process would cost what is to be saved.
    const script = [
      EXIT_CSH,
      `printf ${token}; mayfly=`,
      `while IFS= read -r mayfly_line && [ "$mayfly_line" != ${token} ]; do mayfly="$mayfly$mayfly_line`,
      '"; done',
      'eval "unset mayfly mayfly_line',
      '$mayfly"',
    ].join('\n')
    const open = await openExecChannel(connection, script, 'start a shell').opened
    const { channel } = open
    await open.connection.during('start a shell', () => {
      return new Promise<void>((resolve, reject) => {
        channel.once('close', () => reject(new Error('the shell ended')))
        // What the shell's own start-up files print comes before.
        const beginning = new AfterMarker(token)
        channel.on('data', function listen(chunk: Buffer) {
          beginning.take(chunk)
          if (beginning.patient && !beginning.seen) return
          channel.off('data', listen)
          channel.pause()
          if (beginning.seen) return resolve()
          abandon(channel)
          reject(new Error("the shell's start-up files do not stop printing"))
        })
      })
    })
    return new WaitingShell(token, open)
  }

  /** One that another process has started and kept: `token` and `channel` are that one's. */
  static adopt(token: string, open: OpenChannel): WaitingShell {
    return new WaitingShell(token, open)
  }

  /** Its channel, for another process to use. */
  handOver(): OpenChannel['channel'] {
    return this.#open.channel
  }

  /** Its channel, told to run `text`: what it writes and reads from now on is the command's own. Undefined if it cannot. */
  run(text: string): OpenChannel | undefined {
    const { channel } = this.#open
    const bytes = Buffer.from(`${text}\n${this.token}\n`)
    if (!channel.writable || bytes.length > LONGEST_BYTES) {
      this.end()
      return undefined
    }
    channel.write(bytes)
    return this.#open
  }

  /** Nobody needs it any more. */
  end(): void {
    abandon(this.#open.channel)
  }
}
