import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import type { Duplex, Readable } from 'node:stream'
import { MayflyError, messageOf } from '../errors.js'
import { findTool } from '../host/tools.js'
import { delay } from '../node-globals.js'
import { CHANNEL_FDS } from './argv.js'
import { Console } from './console.js'
import { PanicCheck } from './panic-check.js'
import { QmpClient } from './qmp.js'

export interface SpawnOptions {
  binary: string
  argv: readonly string[]
  /** Marks the process as the session's own: see session/session.ts. */
  env: NodeJS.ProcessEnv
  cwd: string
  /** Inherited as file descriptor 6: the device state to load. */
  stateFile?: FileHandle | undefined
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A running QEMU, as whoever started it knows it. */
export interface QemuParts {
  pid: number
  /** The program and its arguments, without what it was started through. */
  command: readonly string[]
  channels: QemuChannels
  /** Resolves when the process is gone and its output is read; never rejects. */
  exited: Promise<Exit>
  /** False as soon as the process is known to have ended, which may be before `exited` resolves. */
  isAlive(): boolean
  /** SIGKILL, if it still runs. */
  kill(): void
}

export interface QemuChannels {
  qmp: Duplex
  console: Duplex
  agent: Duplex
  stderr: Readable
}

const KEPT_STDERR = 16 * 1024
const EXIT_GRACE_MS = 250

/** One running QEMU, its monitor, its console and its agent line. Sockets are inherited pairs: there is no path to clash or to leak. */
export class QemuProcess {
  readonly qmp: QmpClient
  readonly console: Console
  /** The streams below, for whoever passes them on. */
  readonly channels: QemuChannels
  /** The second serial port, where an embedded guest's fix-up agent listens. */
  readonly agent: Duplex
  readonly pid: number
  /** Resolves when the process is gone and its output is read; never rejects. */
  readonly exited: Promise<Exit>
  /** The program and its arguments, without what it was started through. */
  readonly command: readonly string[]
  readonly #parts: QemuParts
  readonly #listeners = new Set<() => void>()
  #stderr = ''
  #exit: Exit | undefined

  /** @param parts a process that somebody has started: `spawn`, or another process of ours. */
  constructor(parts: QemuParts) {
    const { channels } = parts
    this.#parts = parts
    this.channels = channels
    this.pid = parts.pid
    this.command = parts.command
    this.qmp = new QmpClient(channels.qmp)
    const panicCheck = new PanicCheck(this.qmp)
    this.console = new Console(channels.console, { confirmPanic: () => panicCheck.confirm() })
    this.agent = channels.agent
    this.agent.on('error', () => {})
    channels.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-KEPT_STDERR)
      for (const listener of this.#listeners) listener()
    })
    this.exited = parts.exited.then((exit) => {
      this.#exit = exit
      return exit
    })
  }

  /**
   * Starts QEMU. It is up once `qmp.greeted()` resolves.
   * @throws MayflyError MAYFLY_QEMU_SPAWN_FAILED when it cannot be executed.
   */
  static async spawn(options: SpawnOptions): Promise<QemuProcess> {
    const { binary, argv, env, cwd, stateFile } = options
    // The kernel kills QEMU when the thread that started it ends: no handler of ours has to run for that.
    const [command, args] =
      process.platform === 'linux'
        ? [await findTool('setpriv'), ['--pdeathsig', 'KILL', '--', binary, ...argv]]
        : [binary, [...argv]]
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', stateFile?.fd ?? 'ignore'],
    })
    if (child.pid === undefined) {
      const [error] = await once(child, 'error')
      throw new MayflyError('MAYFLY_QEMU_SPAWN_FAILED', `QEMU could not be started: ${messageOf(error)}`, {
        cause: error,
      })
    }
    // Extra 'pipe' descriptors are socket pairs: both ways, whatever their type says.
    const channels = child.stdio as unknown as Duplex[]
    return new QemuProcess({
      pid: child.pid,
      command: [binary, ...argv],
      channels: {
        qmp: channels[CHANNEL_FDS.qmp]!,
        console: channels[CHANNEL_FDS.console]!,
        agent: channels[CHANNEL_FDS.agent]!,
        stderr: child.stderr!,
      },
      exited: once(child, 'close').then(([code, signal]) => ({ code, signal })),
      isAlive: () => child.exitCode === null && child.signalCode === null,
      kill: () => void child.kill('SIGKILL'),
    })
  }

  get exit(): Exit | undefined {
    return this.#exit
  }

  get alive(): boolean {
    return this.#exit === undefined && this.#parts.isAlive()
  }

  /** How it ended, if it has or is about to: a dying process closes its sockets a moment before it is seen to end. */
  async ending(): Promise<Exit | undefined> {
    await Promise.race([this.exited, delay(EXIT_GRACE_MS, undefined, { ref: false })])
    return this.#exit
  }

  /** Power cut: SIGKILL, then the wait for the process to be gone. */
  async kill(): Promise<void> {
    this.#parts.kill()
    await this.exited
  }

  /**
   * Waits for the greeting, which is QEMU's word that the command line was good.
   * @throws MayflyError MAYFLY_QEMU_SPAWN_FAILED with QEMU's own words when it exits before that.
   */
  async greeted(): Promise<void> {
    try {
      await this.qmp.greeted()
    } catch {
      await this.exited
      throw this.exitError('MAYFLY_QEMU_SPAWN_FAILED', 'QEMU exited while starting')
    }
  }

  /** Why QEMU is gone: exit status, its stderr, the end of the console. */
  exitError(code: 'MAYFLY_QEMU_SPAWN_FAILED' | 'MAYFLY_QEMU_EXITED', what: string): MayflyError {
    const status = this.#exit?.signal ? `killed by ${this.#exit.signal}` : `exit code ${this.#exit?.code}`
    const stderr = this.stderrTail()
    return new MayflyError(code, `${what} (${status})`, {
      details: [...stderr.map((line) => `qemu: ${line}`), ...this.console.tail().map((line) => `console: ${line}`)],
      hint: this.#hint(stderr),
    })
  }

  /** The cause of a lost monitor connection, which itself says nothing; any other error as it is. */
  async explain(error: unknown): Promise<unknown> {
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_QEMU_EXITED') return error
    await this.exited
    return this.console.panicError ?? this.exitError('MAYFLY_QEMU_EXITED', 'QEMU exited')
  }

  /**
   * The first match of `pattern` in what QEMU, or a program that it runs for us, says on stderr from now on.
   * @throws as `failOnExit`.
   */
  async told(pattern: RegExp): Promise<RegExpExecArray> {
    let listener = () => {}
    const matched = new Promise<RegExpExecArray>((resolve) => {
      listener = () => {
        const match = pattern.exec(this.#stderr)
        if (match) resolve(match)
      }
    })
    this.#listeners.add(listener)
    try {
      return await Promise.race([matched, this.failOnExit()])
    } finally {
      this.#listeners.delete(listener)
    }
  }

  /** Rejects as soon as QEMU is gone, with why. */
  async failOnExit(): Promise<never> {
    await this.exited
    throw this.console.panicError ?? this.exitError('MAYFLY_QEMU_EXITED', 'QEMU exited')
  }

  #hint(stderr: string[]): string | undefined {
    if (stderr.some((line) => /cannot set up guest memory|Cannot allocate memory/i.test(line))) {
      return 'The host has too little free memory for this guest; lower its memory, or run fewer at once.'
    }
    // A page of a mapped file that has no room on its file system.
    if (this.#exit?.signal === 'SIGBUS')
      return 'Its RAM file could not grow: is the cache directory full? `mayfly gc` frees space.'
    return undefined
  }

  /** The last that it has said, 16 KiB at most. */
  get stderr(): string {
    return this.#stderr
  }

  stderrTail(): string[] {
    return this.#stderr.split('\n').filter((line) => line.trim() !== '')
  }
}
