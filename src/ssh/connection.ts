import type { Client } from 'ssh2'
import { isError, MayflyError, messageOf } from '../errors.js'
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../node-globals.js'
import { HandshakeFailure, handshake, KEEPALIVE_MS, type LoggedIn, type SshTarget } from './handshake.js'
import { HelperShells } from './helper-shells.js'
import { Keepalive } from './keepalive.js'
import { Lanes } from './lanes.js'
import type { RelayedClient } from './relayed-client.js'
import type { WaitingShell } from './waiting-shell.js'

export interface SshConnectionOptions extends SshTarget {
  /** Milliseconds until the login must have succeeded. Default 20,000. */
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
  /** The server's first bytes have arrived. */
  onBanner?: (() => void) | undefined
}

interface PendingOperation {
  what: string
  reject(error: MayflyError): void
}

/** One authenticated SSH connection to one machine whose host key is pinned. */
export class SshConnection implements AsyncDisposable {
  readonly target: SshTarget
  /** How the server names its software: `OpenSSH_9.2p1 Debian-2`, `dropbear_2022.83`, ... */
  readonly software: string
  readonly isDropbear: boolean
  /** The sessions of the server, on this connection and on those beside it, which end with it. */
  readonly lanes: Lanes
  /** For scripts that only look. */
  readonly helperShells = new HelperShells(this)
  /** For the next command. Whatever else is asked for first ends it, for it may change what a shell starts with. */
  #waitingShell: WaitingShell | undefined
  readonly #client: Client
  readonly #socket: LoggedIn['socket']
  readonly #keepalive: Keepalive | undefined
  readonly #pending = new Set<PendingOperation>()
  readonly #closeListeners = new Set<(error: MayflyError | undefined) => void>()
  readonly #killings = new Set<Promise<unknown>>()
  #connected = true
  #closing = false
  #lastError: Error | undefined

  private constructor({ client, socket, software }: LoggedIn, target: SshTarget) {
    this.target = target
    this.software = software
    this.isDropbear = software.startsWith('dropbear')
    this.lanes = new Lanes(this, (signal) => SshConnection.open({ ...target, signal }))
    this.#client = client
    this.#socket = socket
    // Another process's connection is looked after there.
    this.#keepalive = socket && new Keepalive(client, socket, target.keepaliveMs ?? KEEPALIVE_MS)
    client.on('error', (error) => {
      this.#lastError = error
    })
    client.once('end', () => this.#onClosed())
    client.once('close', () => this.#onClosed())
  }

  /**
   * @throws MayflyError MAYFLY_SSH_FAILED (its cause is a HandshakeFailure, whose `kind` says whether trying again
   * can help), MAYFLY_ABORTED.
   */
  static async open(options: SshConnectionOptions): Promise<SshConnection> {
    const { timeoutMs = 20_000, signal, onBanner, ...target } = options
    try {
      return new SshConnection(await handshake(target, { timeoutMs, signal, onBanner }), target)
    } catch (thrown) {
      throw openFailed(target, thrown, signal)
    }
  }

  /** One that another process has opened, and on which it opens sessions for us. Further lanes go to the server itself. */
  static adopt(client: RelayedClient, software: string, target: SshTarget): SshConnection {
    // All that is used of ssh2's: sessions by `exec` and `shell`, the end, and to be told of it.
    return new SshConnection({ client: client as unknown as Client, software }, target)
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Keeps a shell for the next command, if that is the next that is asked for. */
  keep(shell: WaitingShell): void {
    this.#waitingShell?.end()
    this.#waitingShell = shell
  }

  /** The shell that waits, if there is one, for whoever passes it on. */
  get waitingShell(): WaitingShell | undefined {
    return this.#waitingShell
  }

  /** The shell that waits, if there is one. It belongs to whoever takes it. */
  takeWaitingShell(): WaitingShell | undefined {
    const shell = this.#waitingShell
    this.#waitingShell = undefined
    return shell
  }

  /** Processes of an earlier command are being killed: the next one must not meet them. */
  untilKilled(killing: Promise<unknown>): void {
    this.#killings.add(killing)
    void killing.finally(() => this.#killings.delete(killing))
  }

  /** Settles when nothing is being killed; undefined if nothing is. */
  get killings(): Promise<unknown> | undefined {
    return this.#killings.size === 0 ? undefined : Promise.all(this.#killings)
  }

  /** Its machine is going to stand still: until the result is disposed of, that nobody answers says nothing. */
  expectSilence(): Disposable {
    const asking = setInterval(() => this.#keepalive?.restart(), (this.target.keepaliveMs ?? KEEPALIVE_MS) / 2)
    asking.unref()
    const forget = this.onClose(() => clearInterval(asking))
    return {
      [Symbol.dispose]: () => {
        clearInterval(asking)
        forget()
      },
    }
  }

  /** Calls `listener` once when the connection has ended; the error is undefined if `close()` ended it. Returns what unsubscribes. */
  onClose(listener: (error: MayflyError | undefined) => void): () => void {
    this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  /**
   * Runs `body` with ssh2's client as an operation named `what`.
   * @throws MayflyError MAYFLY_SSH_FAILED when the connection drops before `body` has settled.
   */
  during<T>(what: string, body: (client: Client) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.#connected) {
        reject(this.#dropped(what, 'not sent: the connection had already ended'))
        return
      }
      const operation: PendingOperation = { what, reject }
      this.#pending.add(operation)
      body(this.#client)
        .then(resolve, (error) => reject(this.#isLostSocket(error) ? this.#dropped(what, 'in flight') : error))
        .finally(() => this.#pending.delete(operation))
    })
  }

  /** Ends the connection; operations in flight are rejected. Settles when the socket is closed, never rejects. */
  async close(): Promise<void> {
    this.#closing = true
    const lanesClosed = this.lanes.close()
    if (!this.#connected) return lanesClosed
    await new Promise<void>((resolve) => {
      // A paused guest never answers the goodbye.
      const timer = setTimeout(() => this.#onClosed(), 200)
      this.onClose(() => {
        clearTimeout(timer)
        resolve()
      })
      this.#client.end()
    })
    await lanesClosed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #onClosed(): void {
    if (!this.#connected) return
    this.#connected = false
    this.#keepalive?.[Symbol.dispose]()
    this.#client.destroy()
    // ssh2 leaves one that has been told to end: to a machine that is gone it would be open for minutes, and keep this process alive.
    this.#socket?.destroy()
    for (const { what, reject } of this.#pending) reject(this.#dropped(what, 'in flight'))
    this.#pending.clear()
    void this.lanes.close()
    const error = this.#closing ? undefined : this.#dropped(undefined, '')
    const listeners = [...this.#closeListeners]
    this.#closeListeners.clear()
    for (const listener of listeners) listener(error)
  }

  #isLostSocket(error: unknown): boolean {
    return isError(error) && /^(Not connected|No response from server)$/.test(error.message)
  }

  #dropped(what: string | undefined, state: string): MayflyError {
    const { host, port, username } = this.target
    const why = this.#closing ? 'closed by this side' : (this.#lastError?.message ?? 'closed by the server')
    return new MayflyError('MAYFLY_SSH_FAILED', `the SSH connection to ${username}@${host}:${port} ended: ${why}`, {
      details: what === undefined ? [] : [`${state}: ${what}`],
      cause: this.#lastError,
    })
  }
}

function openFailed(target: SshTarget, thrown: unknown, signal: AbortSignal | undefined): MayflyError {
  const where = `${target.username}@${target.host}:${target.port}`
  const failure = thrown instanceof HandshakeFailure ? thrown : undefined
  if (failure?.kind === 'aborted' || (signal?.aborted && thrown === signal.reason)) {
    return new MayflyError('MAYFLY_ABORTED', `connecting to ${where} was aborted`, { cause: signal?.reason })
  }
  if (failure?.kind === 'wrong-machine') {
    return new MayflyError('MAYFLY_SSH_FAILED', `${where} is the wrong machine: ${failure.message}`, {
      details: [`pinned: ${target.hostKey.trim()}`],
      hint: 'Another machine answers on this port, or the guest has replaced its host key.',
      cause: failure,
    })
  }
  return new MayflyError('MAYFLY_SSH_FAILED', `cannot open an SSH connection to ${where}: ${messageOf(thrown)}`, {
    cause: thrown,
  })
}
