import { GuestAssertionError, MayflyError } from '../errors.js'
import { AbortSignal } from '../node-globals.js'
import type { SshConnection } from '../ssh/connection.js'
import { type ExecOptions, type ExecResult, exec } from '../ssh/exec.js'
import { type ProbeOptions, probe } from '../ssh/probe.js'
import { openShell, type Shell, type ShellOptions } from '../ssh/shell.js'
import { type DownloadOptions, download, readFile, type UploadOptions, upload, writeFile } from '../ssh/transfer.js'
import { type Duration, toMilliseconds } from '../units.js'
import { Allowance } from './allowance.js'
import { VmBase } from './base.js'
import { lastOf } from './timeline.js'

export type Command = string | readonly string[]
type TextOptions = ExecOptions & { encoding?: 'utf8' | undefined }

/** Running commands in a guest, and moving files. */
export abstract class Commands extends VmBase {
  /**
   * Runs a command, whatever its exit code.
   * @param command text for the user's login shell (for /bin/sh if `user` is another one), or an argument vector that no shell
   *   changes. What a background process writes after the end of the shell is dropped.
   * @throws MayflyError MAYFLY_COMMAND_TIMEOUT, MAYFLY_ABORTED, MAYFLY_OUTPUT_TOO_LARGE, MAYFLY_SSH_FAILED, MAYFLY_QEMU_EXITED, MAYFLY_GUEST_PANIC, MAYFLY_VM_STATE, MAYFLY_VM_RESTORED.
   */
  exec(command: Command, options: ExecOptions & { encoding: 'buffer' }): Promise<ExecResult<Buffer>>
  exec(command: Command, options?: TextOptions): Promise<ExecResult>
  exec(command: Command, options?: ExecOptions): Promise<ExecResult<string | Buffer>> {
    const run = () => this.execUnseen(command, options)
    return this.timeline.during(
      'command',
      textOf(command),
      run,
      ({ exitCode, signal, stdout, stderr, background }) => ({
        result: `${signal ?? `exit code ${exitCode}`}${background ? '; dropped what its background processes write later' : ''}`,
        stdout: lastOf(stdout.toString()),
        stderr: lastOf(stderr.toString()),
      }),
    )
  }

  /** `exec` for those who write down themselves what they do. @internal */
  execUnseen(command: Command, options?: TextOptions): Promise<ExecResult>
  /** @internal */
  execUnseen(command: Command, options?: ExecOptions): Promise<ExecResult<string | Buffer>>
  execUnseen(command: Command, options?: ExecOptions): Promise<ExecResult<string | Buffer>> {
    const text = textOf(command)
    const allowed = this.#allow(options)
    return allowed.hold(text, () =>
      this.life.use(
        `exec ${text}`,
        (connection) => exec(connection, command, { ...options, ...allowed.rest }),
        () => allowed.bounds(text, options?.signal),
      ),
    )
  }

  /**
   * A short script of Mayfly's own, for /bin/sh, that only looks and leaves nothing running: not a step of the test, so the
   * timeline does not show it. Its result has no `signal`.
   * @internal
   */
  probe(script: string, options?: ProbeOptions): Promise<ExecResult> {
    const allowed = this.#allow(options)
    const name = 'a look at the guest'
    return allowed.hold(name, () =>
      this.life.use(
        'look at the guest',
        (connection) => probe(connection, script, { ...options, ...allowed.rest }),
        () => allowed.bounds(name, options?.signal),
      ),
    )
  }

  #allow({ timeout }: { timeout?: Duration | undefined } = {}): Allowance {
    const wanted = timeout === undefined ? undefined : toMilliseconds(timeout, 'timeout')
    return new Allowance(wanted, this.family.timeLimit())
  }

  /**
   * Runs a command that must exit 0, and gives its stdout.
   * @throws GuestAssertionError MAYFLY_COMMAND_FAILED with the output.
   */
  async succeed(command: Command, options: TextOptions = {}): Promise<string> {
    const result = await this.exec(command, options)
    if (result.exitCode === 0) return result.stdout
    throw this.#unexpected(command, result, 'should succeed')
  }

  /**
   * Runs a command that must exit with another code than 0, and gives its result.
   * @throws GuestAssertionError MAYFLY_COMMAND_FAILED with the output.
   */
  async fail(command: Command, options: TextOptions = {}): Promise<ExecResult> {
    const result = await this.exec(command, options)
    if (result.exitCode !== 0) return result
    throw this.#unexpected(command, result, 'should fail')
  }

  #unexpected(
    command: Command,
    { exitCode, signal, stdout, stderr, durationMs }: ExecResult,
    should: string,
  ): GuestAssertionError {
    const status = signal ? `was killed by ${signal}` : `exited with ${exitCode}`
    return new GuestAssertionError('MAYFLY_COMMAND_FAILED', `${should}, but ${status}: ${textOf(command)}`, {
      details: [
        `on ${this.name}, after ${Math.round(durationMs)} ms`,
        ...lastLines('stdout', stdout),
        ...lastLines('stderr', stderr),
      ],
    })
  }

  /** Runs `work` with `options` and a signal that also ends it when the test's time is over. */
  async #limited<T, O extends { signal?: AbortSignal | undefined }>(
    what: string,
    options: O | undefined,
    work: (connection: SshConnection, limits: O) => Promise<T>,
  ): Promise<T> {
    const allowed = this.#allow()
    const late =
      allowed.limitMs === Number.POSITIVE_INFINITY ? undefined : AbortSignal.timeout(Math.ceil(allowed.limitMs))
    const signals = [options?.signal, late].filter((signal) => signal !== undefined)
    const limits = { ...options, ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}) } as O
    const bounds = () => allowed.bounds(what, options?.signal)
    try {
      return await this.life.use(what, (connection) => work(connection, limits), bounds)
    } catch (error) {
      throw late?.aborted && !options?.signal?.aborted && isAborted(error) ? bounds().late() : error
    }
  }

  /** An interactive shell. */
  shell(options?: ShellOptions): Promise<Shell> {
    this.timeline.add('note', 'a shell was opened')
    return this.#limited('open a shell', undefined, (connection, { signal }) =>
      openShell(connection, { signal, ...options }),
    )
  }

  /**
   * Copies a file or a directory into the guest. A file goes into `remote` if that ends with a slash.
   * @throws MayflyError MAYFLY_FILE_TRANSFER_FAILED naming both paths and the reason; nothing half-written is left.
   */
  upload(local: string, remote: string, options?: UploadOptions): Promise<void> {
    return this.#transfer(`upload ${local} to ${remote}`, () =>
      this.#limited('upload', options, (connection, limits) => upload(connection, local, remote, limits)),
    )
  }

  /**
   * Copies a file or a directory out of the guest. A file goes into `local` if that ends with a slash.
   * @throws MayflyError MAYFLY_FILE_TRANSFER_FAILED naming both paths and the reason; nothing half-written is left.
   */
  download(remote: string, local: string, options?: DownloadOptions): Promise<void> {
    const { session } = this.clone.prepared.harness
    return this.#transfer(`download ${remote} to ${local}`, () =>
      this.#limited('download', options, (connection, limits) =>
        download(connection, remote, local, limits, (path) => session.rememberStaging(path)),
      ),
    )
  }

  async #transfer(name: string, copy: () => Promise<readonly string[]>): Promise<void> {
    const skipped = await this.timeline.during('transfer', name, copy)
    if (skipped.length > 0) this.timeline.add('note', `not copied: ${skipped.join(', ')}`)
  }

  writeFile(remote: string, content: string | Uint8Array, options?: UploadOptions): Promise<void> {
    return this.timeline.during('transfer', `write ${remote}`, () =>
      this.#limited('writeFile', options, (connection, limits) => writeFile(connection, remote, content, limits)),
    )
  }

  readFile(remote: string, options: DownloadOptions & { encoding: 'buffer' }): Promise<Buffer>
  readFile(remote: string, options?: DownloadOptions & { encoding?: 'utf8' | undefined }): Promise<string>
  readFile(
    remote: string,
    options?: DownloadOptions & { encoding?: 'utf8' | 'buffer' | undefined },
  ): Promise<string | Buffer> {
    return this.timeline.during('transfer', `read ${remote}`, () =>
      this.#limited('readFile', options, (connection, limits) =>
        readFile(connection, remote, limits as { encoding: 'buffer' }),
      ),
    )
  }
}

function isAborted(error: unknown): boolean {
  return error instanceof MayflyError && error.code === 'MAYFLY_ABORTED'
}

export function textOf(command: Command): string {
  return typeof command === 'string' ? command : command.join(' ')
}

function lastLines(name: string, text: string): string[] {
  const lines = text.trimEnd().split('\n')
  return text.trim() === '' ? [] : lines.slice(-20).map((line) => `${name}: ${line}`)
}
