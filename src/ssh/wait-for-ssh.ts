import { MayflyError } from '../errors.js'
import { AbortController, clearTimeout, performance, setTimeout } from '../node-globals.js'
import { formatMilliseconds } from '../units.js'
import { SshConnection, type SshConnectionOptions } from './connection.js'
import { HandshakeFailure } from './handshake.js'

export interface WaitForSshOptions extends Omit<SshConnectionOptions, 'onBanner'> {
  /** Milliseconds a silent attempt holds back the next one. Default 400. */
  patienceMs?: number | undefined
  /** Its keys may yet be put in place: a wrong host key and a refused login are no reason to give up. Default false. */
  settling?: boolean | undefined
  /** Called after each failed attempt, for progress and logs. */
  onAttemptFailed?: ((error: MayflyError, attempt: number) => void) | undefined
}

/** The pause after a refused or reset attempt: short at first, because a guest that resets is about to listen. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 250
/** Silent attempts that may wait side by side; QEMU's user network keeps them open while the guest boots. */
const MAX_SILENT = 5

/**
 * Keeps connecting until a handshake succeeds on the pinned key. Attempts overlap: one that hears nothing does not hold
 * back the next; the first to log in wins and the others are closed. A wrong host key and a refused login end it at
 * once, unless it is `settling`: the guest's keys are in place before its server starts, so neither gets better.
 * @throws MayflyError MAYFLY_BOOT_TIMEOUT after `timeoutMs` (default 60,000), MAYFLY_SSH_FAILED, MAYFLY_ABORTED.
 */
export function waitForSsh(options: WaitForSshOptions): Promise<SshConnection> {
  return new Promise((resolve, reject) => new SshWait(options, resolve, reject).start())
}

interface Attempt {
  abort: AbortController
  heard: boolean
}

class SshWait {
  readonly #options: WaitForSshOptions
  readonly #timeoutMs: number
  readonly #resolve: (connection: SshConnection) => void
  readonly #reject: (error: MayflyError) => void
  readonly #startedAt = performance.now()
  readonly #attempts = new Set<Attempt>()
  #deadline: NodeJS.Timeout | undefined
  #next: NodeJS.Timeout | undefined
  #count = 0
  #pauseMs = FIRST_PAUSE_MS
  #done = false
  #lastError: MayflyError | undefined

  constructor(
    options: WaitForSshOptions,
    resolve: (connection: SshConnection) => void,
    reject: (error: MayflyError) => void,
  ) {
    this.#options = options
    this.#timeoutMs = options.timeoutMs ?? 60_000
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    const { signal } = this.#options
    if (signal?.aborted) {
      this.#onAbort()
      return
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#deadline = setTimeout(() => this.#finish(() => this.#reject(this.#timedOut())), this.#timeoutMs)
    this.#attempt()
  }

  #attempt(): void {
    this.#count++
    const number = this.#count
    const attempt: Attempt = { abort: new AbortController(), heard: false }
    this.#attempts.add(attempt)
    this.#closeOldestSilent()
    SshConnection.open({
      ...this.#options,
      timeoutMs: this.#timeoutMs,
      signal: attempt.abort.signal,
      onBanner: () => {
        attempt.heard = true
        // The server speaks: a second handshake would only slow it down.
        clearTimeout(this.#next)
      },
    }).then(
      (connection) => {
        this.#attempts.delete(attempt)
        if (this.#done) void connection.close()
        else this.#finish(() => this.#resolve(connection))
      },
      (error: MayflyError) => {
        this.#attempts.delete(attempt)
        this.#onFailed(error, number)
      },
    )
    this.#schedule(this.#options.patienceMs ?? 400)
  }

  #onFailed(error: MayflyError, number: number): void {
    if (this.#done || error.code === 'MAYFLY_ABORTED') return
    this.#lastError = error
    this.#options.onAttemptFailed?.(error, number)
    const kind = error.cause instanceof HandshakeFailure ? error.cause.kind : 'invalid'
    const isFinal = (kind === 'wrong-machine' || kind === 'refused-login') && !this.#options.settling
    if (isFinal || kind === 'invalid') {
      this.#finish(() => this.#reject(error.withDetails([this.#soFar()])))
      return
    }
    // An older attempt's end says nothing new while a younger one waits or talks.
    if (number < this.#count) {
      if (this.#attempts.size > 0) return
    }
    this.#schedule(this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 1.5, LONGEST_PAUSE_MS)
  }

  #schedule(ms: number): void {
    clearTimeout(this.#next)
    this.#next = setTimeout(() => {
      // While one is talking, patience lasts as long as that handshake.
      if ([...this.#attempts].some((attempt) => attempt.heard)) this.#schedule(ms)
      else this.#attempt()
    }, ms)
  }

  #closeOldestSilent(): void {
    const silent = [...this.#attempts].filter((attempt) => !attempt.heard)
    if (silent.length > MAX_SILENT) silent[0]!.abort.abort()
  }

  readonly #onAbort = () => {
    const { signal } = this.#options
    this.#finish(() =>
      this.#reject(
        new MayflyError('MAYFLY_ABORTED', 'waiting for SSH was aborted', {
          details: [this.#soFar()],
          cause: signal?.reason,
        }),
      ),
    )
  }

  #finish(settle: () => void): void {
    if (this.#done) return
    this.#done = true
    clearTimeout(this.#deadline)
    clearTimeout(this.#next)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    for (const attempt of this.#attempts) attempt.abort.abort()
    settle()
  }

  #timedOut(): MayflyError {
    const { host, port, username } = this.#options
    const silent = [...this.#attempts].filter((attempt) => !attempt.heard).length
    return new MayflyError(
      'MAYFLY_BOOT_TIMEOUT',
      `no SSH login at ${username}@${host}:${port} within ${formatMilliseconds(this.#timeoutMs)}`,
      {
        details: [
          this.#soFar(),
          `last error: ${this.#lastError?.shortMessage ?? 'none'}`,
          `connections that were accepted and stayed silent: ${silent}`,
        ],
        cause: this.#lastError,
      },
    )
  }

  #soFar(): string {
    return `attempts: ${this.#count} in ${formatMilliseconds(performance.now() - this.#startedAt)}`
  }
}
