import { randomBytes } from 'node:crypto'
import { MayflyError } from '../errors.js'
import { type OpenChannel, openExecChannel } from './channel.js'
import type { SshConnection } from './connection.js'
import { Framed } from './framed.js'
import { killMarked } from './kill-marked.js'
import { quote } from './quote.js'
import { abandon } from './ssh2-internals.js'

export interface ScriptResult {
  stdout: string
  stderr: string
  /** As the shell tells it: 128 and more if a signal ended the script. */
  exitCode: number
}

/**
 * A /bin/sh in the guest that runs short scripts, one after the other, whatever the user's login shell is. A server takes
 * longer to start a shell than a shell to run most scripts. Each script has a subshell and no input; what it starts must
 * end with it.
 */
export class HelperShell {
  /** In its command line: by it the shell and its descendants are found and killed. */
  readonly #marker: string
  readonly #open: OpenChannel
  #ended = false
  #heard = false
  #running: { stdout: Framed; stderr: Framed } | undefined

  private constructor(marker: string, open: OpenChannel) {
    this.#marker = marker
    this.#open = open
    const { channel } = open
    channel.on('data', (chunk: Buffer) => this.#running?.stdout.add(chunk))
    channel.stderr.on('data', (chunk: Buffer) => this.#running?.stderr.add(chunk))
    channel.on('error', () => {})
    // A directory that it stayed in could not be unmounted.
    channel.write('cd /\n')
    // One that was opened before has been held back.
    channel.resume()
  }

  /** Starts one on `connection`, in the shell that waits there if there is one. */
  static async start(connection: SshConnection): Promise<HelperShell> {
    const marker = `MAYFLY_HELPER_${randomBytes(8).toString('hex')}`
    const line = `exec /bin/sh -s ${marker}`
    const open = connection.takeWaitingShell()?.run(line)
    return new HelperShell(marker, open ?? (await openExecChannel(connection, line, 'start a helper shell').opened))
  }

  get alive(): boolean {
    return !this.#ended && this.#open.channel.writable && this.#open.connection.connected
  }

  /** A script has begun in it: it is a shell. */
  get heard(): boolean {
    return this.#heard
  }

  /** What the running script has written so far. */
  get sofar(): { stdout: string; stderr: string } {
    return { stdout: this.#running?.stdout.text ?? '', stderr: this.#running?.stderr.text ?? '' }
  }

  /**
   * Runs one script; the one before must have ended.
   * @throws MayflyError MAYFLY_SSH_FAILED when the shell or the connection ends, MAYFLY_OUTPUT_TOO_LARGE.
   */
  run(script: string): Promise<ScriptResult> {
    const { channel, connection } = this.#open
    // Not the marker: a script may show it, for it looks at the guest's processes.
    const frame = `MAYFLY_FRAME_${randomBytes(8).toString('hex')}`
    const running = { stdout: new Framed(frame), stderr: new Framed(frame) }
    this.#running = running
    return connection.during('a look at the guest', async () => {
      let ended = () => {}
      const end = new Promise<never>((_resolve, reject) => {
        ended = () => reject(new MayflyError('MAYFLY_SSH_FAILED', 'the helper shell in the guest ended'))
        channel.once('close', ended)
      })
      try {
        channel.write(
          `printf ${frame}; printf ${frame} >&2; ( cd 2>/dev/null; eval ${quote(script)} ) </dev/null; printf '${frame} %s\\n' $?; printf '${frame} 0\\n' >&2\n`,
        )
        const [exitCode] = await Promise.race([Promise.all([running.stdout.ended, running.stderr.ended]), end])
        return { stdout: running.stdout.text, stderr: running.stderr.text, exitCode }
      } catch (error) {
        // One that is still printing cannot be asked anything else.
        if (error instanceof MayflyError && error.code === 'MAYFLY_OUTPUT_TOO_LARGE') void this.kill()
        throw error
      } finally {
        channel.off('close', ended)
        this.#heard ||= running.stdout.started
        this.#running = undefined
      }
    })
  }

  /** Kills it with all that it runs. @returns why something of it may still be there, if so. */
  kill(): Promise<string | undefined> {
    this.#ended = true
    return killMarked(this.#open.connection, this.#marker, Promise.resolve(this.#open))
  }

  /** Nobody needs it any more; nothing runs in it. */
  end(): void {
    this.#ended = true
    abandon(this.#open.channel)
  }
}
