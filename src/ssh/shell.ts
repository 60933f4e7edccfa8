import type { Duplex } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import { bounded } from '../deadline.js'
import { MayflyError } from '../errors.js'
import { clearTimeout, setTimeout } from '../node-globals.js'
import { openChannel } from './channel.js'
import type { SshConnection } from './connection.js'

export interface ShellOptions {
  /** Character columns and rows of the terminal. Default 80 by 24. */
  cols?: number | undefined
  rows?: number | undefined
  /** Terminal type. Default `xterm-256color`. */
  term?: string | undefined
  /** Aborting ends the wait for the shell, not one that is open. */
  signal?: AbortSignal | undefined
}

export interface ShellExit {
  exitCode: number | null
  signal: string | null
}

/** A login shell on a terminal in the guest. */
export interface Shell extends AsyncDisposable {
  /** Write what is typed, read what is shown (stdout and stderr both). */
  readonly stream: Duplex
  /** Settles when the shell has ended. @throws MayflyError MAYFLY_SSH_FAILED if the connection drops first. */
  readonly exited: Promise<ShellExit>
  resize(cols: number, rows: number): void
  /** Hangs up. */
  close(): void
}

/** A server that answers opens a shell in less, also in an emulated guest. */
const OPEN_MS = 30_000

/** @throws MayflyError MAYFLY_SSH_FAILED, MAYFLY_ABORTED */
export async function openShell(connection: SshConnection, options: ShellOptions = {}): Promise<Shell> {
  const { cols = 80, rows = 24, term = 'xterm-256color', signal } = options
  const opening = openChannel(
    connection,
    'shell',
    (client) =>
      new Promise<ClientChannel>((resolve, reject) => {
        client.shell({ cols, rows, term }, (error, opened) => (error ? reject(error) : resolve(opened)))
      }),
  )
  const { channel, connection: lane } = await bounded(opening.opened, {
    leftMs: OPEN_MS,
    signal,
    late: () => new MayflyError('MAYFLY_SSH_FAILED', 'the server did not open a shell within 30 s'),
    aborted: () => new MayflyError('MAYFLY_ABORTED', 'opening a shell was aborted', { cause: signal?.reason }),
  }).catch((error) => {
    if (!opening.cancel()) opening.opened.then((late) => hangUp(late.channel)).catch(() => {})
    throw error
  })
  const exited = lane.during('shell', () => exitOf(channel))
  // Whoever never looks at it must not get an unhandled rejection.
  exited.catch(() => {})
  return {
    stream: channel,
    exited,
    resize: (newCols, newRows) => channel.setWindow(newRows, newCols, 0, 0),
    close: () => hangUp(channel),
    async [Symbol.asyncDispose]() {
      hangUp(channel)
      // The channel closes only after its last output has been read.
      channel.resume()
      let timer: NodeJS.Timeout | undefined
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, 1000)
      })
      await Promise.race([exited.catch(() => {}), enough])
      clearTimeout(timer)
    },
  }
}

/** dropbear keeps a shell whose channel was closed, so it is told first. */
function hangUp(channel: ClientChannel): void {
  channel.signal('HUP')
  channel.close()
}

function exitOf(channel: ClientChannel): Promise<ShellExit> {
  return new Promise((resolve, reject) => {
    // 'close' brings what 'exit' brings, which may come before anyone listens.
    channel.on('close', (exitCode: number | null | undefined, signal?: string) => {
      if (exitCode !== undefined) resolve({ exitCode, signal: signal ?? null })
      else reject(new MayflyError('MAYFLY_SSH_FAILED', 'the shell was closed without an exit status'))
    })
  })
}
