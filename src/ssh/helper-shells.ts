import { MayflyError } from '../errors.js'
import { clearTimeout, setTimeout } from '../node-globals.js'
import type { SshConnection } from './connection.js'
import { HelperShell, type ScriptResult } from './helper-shell.js'

/** Scripts are short; when one is not, the others must not wait for it. */
const PATIENCE_MS = 100
/** Each holds a session of the server. */
const MOST = 3
const IDLE_MS = 5_000

interface Waiter {
  resolve(shell: HelperShell): void
  reject(error: unknown): void
}

/** The helper shells of one connection: mostly one, made when it is first needed. */
export class HelperShells {
  readonly #connection: SshConnection
  readonly #free: HelperShell[] = []
  readonly #waiting: Waiter[] = []
  #count = 0
  #patience: NodeJS.Timeout | undefined

  constructor(connection: SshConnection) {
    this.#connection = connection
  }

  /**
   * Runs a script that only looks. When `signal` aborts, it and what it started are killed.
   * @throws MayflyError MAYFLY_SSH_FAILED, or the signal's reason, with what the script had written.
   */
  async run(script: string, signal: AbortSignal): Promise<ScriptResult> {
    const shell = await this.#acquire(signal)
    const running = shell.run(script)
    running.catch(() => {})
    const aborted = abortOf(signal)
    try {
      return await Promise.race([running, aborted.promise])
    } catch (error) {
      if (!signal.aborted) {
        // The guest killed it, as it may; nothing is lost by another look.
        const killed = error instanceof MayflyError && error.code === 'MAYFLY_SSH_FAILED' && !shell.alive && shell.heard
        if (killed && this.#connection.connected) return await this.run(script, signal)
        throw error
      }
      const { stdout, stderr } = shell.sofar
      const doubt = await shell.kill()
      const evidence = [...lines('stdout', stdout), ...lines('stderr', stderr), ...(doubt ? [doubt] : [])]
      throw error instanceof MayflyError ? error.withDetails(evidence) : error
    } finally {
      aborted.forget()
      this.#release(shell)
    }
  }

  #acquire(signal: AbortSignal): Promise<HelperShell> {
    signal.throwIfAborted()
    const aborted = abortOf(signal)
    const acquired = new Promise<HelperShell>((resolve, reject) => {
      const waiter = { resolve, reject }
      this.#waiting.push(waiter)
      aborted.promise.catch((error) => {
        const index = this.#waiting.indexOf(waiter)
        if (index >= 0) this.#waiting.splice(index, 1)
        reject(error)
      })
    })
    this.#dispatch()
    return acquired.finally(aborted.forget)
  }

  #dispatch(): void {
    clearTimeout(this.#patience)
    while (this.#waiting.length > 0) {
      const shell = this.#free.pop()
      if (!shell) break
      if (shell.alive) this.#waiting.shift()!.resolve(shell)
      else this.#count--
    }
    if (this.#waiting.length === 0 || this.#count >= MOST) return
    if (this.#count === 0) this.#start()
    else this.#patience = setTimeout(() => this.#start(), PATIENCE_MS)
  }

  #start(): void {
    this.#count++
    HelperShell.start(this.#connection).then(
      (shell) => this.#release(shell),
      (error) => {
        this.#count--
        this.#waiting.shift()?.reject(error)
        this.#dispatch()
      },
    )
  }

  #release(shell: HelperShell): void {
    if (shell.alive) {
      this.#free.push(shell)
      if (this.#count > 1) setTimeout(() => this.#retire(shell), IDLE_MS).unref()
    } else this.#count--
    this.#dispatch()
  }

  /** One is kept for as long as the connection lives. */
  #retire(shell: HelperShell): void {
    const index = this.#free.indexOf(shell)
    if (this.#count <= 1 || index < 0) return
    this.#free.splice(index, 1)
    this.#count--
    shell.end()
  }
}

/** Rejects when `signal` aborts, with its reason. */
function abortOf(signal: AbortSignal): { promise: Promise<never>; forget(): void } {
  let listener = () => {}
  const promise = new Promise<never>((_resolve, reject) => {
    listener = () => reject(signal.reason)
    signal.addEventListener('abort', listener)
  })
  promise.catch(() => {})
  return { promise, forget: () => signal.removeEventListener('abort', listener) }
}

function lines(name: string, text: string): string[] {
  const all = text.trimEnd().split('\n')
  return text.trim() === '' ? [] : all.slice(-10).map((line) => `${name}: ${line}`)
}
