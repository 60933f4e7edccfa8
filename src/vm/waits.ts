import { setTimeout as delay } from 'node:timers/promises'
import { GuestAssertionError, MayflyError } from '../errors.js'
import type { ExecResult } from '../ssh/exec.js'
import { quote } from '../ssh/quote.js'
import { type Duration, formatMilliseconds, toMilliseconds } from '../units.js'
import { Commands } from './commands.js'

export interface WaitOptions {
  /** Default `'1m'`. */
  timeout?: Duration | undefined
}

interface Poll {
  awaited: string
  command: string
  timeout: Duration | undefined
  /** True when the wait is over. */
  done: (result: ExecResult) => boolean
}

const DEFAULT_TIMEOUT = '1m'
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 1000

/** Waiting for a guest to come into a state. Every wait ends with its own deadline, and says what it saw last. */
export abstract class Waits extends Commands {
  /** Runs `command` until it exits 0; gives its stdout. */
  async waitUntilSucceeds(command: string, { timeout }: WaitOptions = {}): Promise<string> {
    const done = ({ exitCode }: ExecResult) => exitCode === 0
    return (await this.#poll({ awaited: `\`${command}\` to succeed`, command, timeout, done })).stdout
  }

  /** Runs `command` until it exits with another code than 0. */
  async waitUntilFails(command: string, { timeout }: WaitOptions = {}): Promise<void> {
    const done = ({ exitCode }: ExecResult) => exitCode !== 0
    await this.#poll({ awaited: `\`${command}\` to fail`, command, timeout, done })
  }

  /** Waits until a systemd unit is active; a failed one ends the wait at once, with its status. */
  async waitForUnit(unit: string, { timeout }: WaitOptions = {}): Promise<void> {
    const name = quote(unit)
    const command = `systemctl is-active ${name} || { systemctl is-failed -q ${name} && systemctl status --no-pager -l ${name}; exit 1; }`
    const done = ({ exitCode, stdout }: ExecResult) => {
      if (!stdout.startsWith('failed')) return exitCode === 0
      throw new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', `${this.name}: unit ${unit} has failed`, {
        details: stdout.trim().split('\n'),
      })
    }
    await this.#poll({ awaited: `unit ${unit} to be active`, command, timeout, done })
  }

  /** Waits until a TCP port of the guest's own loopback or any address is listened on. */
  async waitForOpenPort(port: number, { timeout }: WaitOptions = {}): Promise<void> {
    await this.#poll({
      awaited: `port ${port} to be open`,
      command: listening(port),
      timeout,
      done: ({ exitCode }) => exitCode === 0,
    })
  }

  async waitForClosedPort(port: number, { timeout }: WaitOptions = {}): Promise<void> {
    await this.#poll({
      awaited: `port ${port} to be closed`,
      command: listening(port),
      timeout,
      done: ({ exitCode }) => exitCode !== 0,
    })
  }

  async waitForFile(path: string, { timeout }: WaitOptions = {}): Promise<void> {
    await this.#poll({
      awaited: `file ${path}`,
      command: `test -e ${quote(path)}`,
      timeout,
      done: ({ exitCode }) => exitCode === 0,
    })
  }

  /** Waits until the console has shown, or shows, `pattern`; gives the match. */
  async waitForConsoleText(pattern: RegExp | string, { timeout = DEFAULT_TIMEOUT }: WaitOptions = {}): Promise<string> {
    const limit = toMilliseconds(timeout, 'timeout')
    const signal = AbortSignal.timeout(limit)
    try {
      return await this.life.watch(`waiting for ${pattern}`, ({ qemu }) => qemu.console.waitFor(pattern, signal))
    } catch (error) {
      if (!signal.aborted) throw error
      throw this.#late(`console text ${pattern}`, limit, limit, 1, [])
    }
  }

  async #poll({ awaited, command, timeout = DEFAULT_TIMEOUT, done }: Poll): Promise<ExecResult> {
    const limit = toMilliseconds(timeout, 'timeout')
    const started = performance.now()
    const left = () => limit - (performance.now() - started)
    let seen: string[] = []
    for (let attempts = 1, pause = FIRST_PAUSE_MS; ; attempts++, pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        const result = await this.probe(command, { timeout: Math.max(1, left()) })
        if (done(result)) return result
        seen = lastSeen(result)
      } catch (error) {
        if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_COMMAND_TIMEOUT') throw error
        seen = seen.length > 0 ? seen : [...error.details]
      }
      // Sleeping past the limit would only be late.
      if (left() <= pause) throw this.#late(awaited, performance.now() - started, limit, attempts, seen)
      await delay(pause)
    }
  }

  #late(awaited: string, elapsed: number, limit: number, attempts: number, seen: string[]): GuestAssertionError {
    return new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', `${this.name}: waited in vain for ${awaited}`, {
      details: [
        `gave up after ${formatMilliseconds(elapsed)} of ${formatMilliseconds(limit)}, ${attempts} attempt${attempts === 1 ? '' : 's'}; the Vm is ${this.state}`,
        ...seen,
      ],
    })
  }
}

function lastSeen({ stdout, stderr, exitCode, signal }: ExecResult): string[] {
  const output = `${stdout}${stderr}`.trim()
  return [
    `last: ${signal ?? `exit code ${exitCode}`}`,
    ...(output === ''
      ? []
      : output
          .split('\n')
          .slice(-10)
          .map((line) => `  ${line}`)),
  ]
}

/** Port numbers in /proc/net/tcp are in hex; state 0A is LISTEN. It works without ss or netstat, and connects to nothing. */
function listening(port: number): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return `cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qE '^ *[0-9]+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A '`
}
