import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { RelayedChannel } from './relayed-channel.js'

/** A session that is asked for: a command, a shell on a terminal, or the shell that waits already. */
export type ChannelRequest =
  | { exec: string }
  | { shell: { cols: number; rows: number; term: string } }
  | { waiting: true }

type Opened = (error: Error | undefined, channel: RelayedChannel) => void

/** Another process's SSH connection, as far as `SshConnection` uses ssh2's Client. Emits 'close' when it has ended. */
export class RelayedClient extends EventEmitter {
  readonly #open: (request: ChannelRequest) => Socket
  readonly #end: () => void
  readonly #channels = new Set<RelayedChannel>()
  #ended = false

  /**
   * @param open gives a socket on which the other process serves the channel that was asked for.
   * @param end tells it that the connection is not needed any more.
   */
  constructor(open: (request: ChannelRequest) => Socket, end: () => void) {
    super()
    this.#open = open
    this.#end = end
  }

  exec(command: string, opened: Opened): void {
    this.#request({ exec: command }, opened)
  }

  shell({ cols, rows, term }: { cols: number; rows: number; term: string }, opened: Opened): void {
    this.#request({ shell: { cols, rows, term } }, opened)
  }

  /** Takes over the shell that waits for the first command. */
  waitingShell(opened: Opened): void {
    this.#request({ waiting: true }, opened)
  }

  end(): void {
    if (this.#ended) return
    this.#end()
    this.lost()
  }

  destroy(): void {
    this.end()
  }

  /** The connection, or the process that has it, is gone. */
  lost(): void {
    if (this.#ended) return
    this.#ended = true
    this.emit('close')
    for (const channel of this.#channels) channel.disconnect()
  }

  #request(request: ChannelRequest, opened: Opened): void {
    if (this.#ended) {
      opened(new Error('Not connected'), undefined as never)
      return
    }
    const channel = new RelayedChannel(
      this.#open(request),
      (error) => {
        if (error) this.#channels.delete(channel)
        opened(error, channel)
      },
      () => this.lost(),
    )
    this.#channels.add(channel)
    channel.once('close', () => this.#channels.delete(channel))
  }
}
