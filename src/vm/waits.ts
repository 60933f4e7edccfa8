import type { MayflyError } from '../errors.js'
import type { ExecResult } from '../ssh/exec.js'
import { type Command, Commands } from './commands.js'
import { ExpectedFindings, type ExpectedKind } from './expected-findings.js'
import { Invariant, type InvariantOptions } from './invariant.js'
import { type CommandWaitOptions, commandTo } from './waits/command.js'
import { consoleText } from './waits/console.js'
import { fileToExist } from './waits/file.js'
import { type PortWaitOptions, portTo } from './waits/port.js'
import { shutDown } from './waits/shutdown.js'
import { unitToBeActive } from './waits/unit.js'
import { unixSocketToBeOpen } from './waits/unix-socket.js'
import { until, type WaitOptions } from './waits/until.js'

/**
 * Waiting for a guest to come into a state. One deadline holds for all of a wait: `timeout`, or a little before the end of the
 * test if that is earlier. All reject with GuestAssertionError MAYFLY_WAIT_TIMEOUT, which says what was awaited, for how long, how
 * many attempts there were and what was seen last; and at once when the machine dies or panics, saying that.
 */
export abstract class Waits extends Commands {
  readonly #invariants: Invariant[] = []
  /** @internal */
  readonly expectedFindings = new ExpectedFindings()

  /** Runs `command` afresh until it exits 0, every 20 ms at first and every second in the end; gives its stdout. */
  async waitUntilSucceeds(command: Command, options: CommandWaitOptions = {}): Promise<string> {
    return (await until(this, commandTo('succeed', this, command, options), options)).stdout
  }

  /** Runs `command` afresh until it exits with another code than 0; gives its result. */
  async waitUntilFails(command: Command, options: CommandWaitOptions = {}): Promise<ExecResult> {
    return await until(this, commandTo('fail', this, command, options), options)
  }

  /**
   * Waits until a systemd unit is active. Ends at once if it has failed, is masked or does not exist, and after a grace of 3 s
   * (more where guests are emulated) if it is inactive and nothing is going to start it; says why with its status and journal.
   * @throws also MayflyError MAYFLY_RESOURCE_UNSUPPORTED if the guest does not run systemd.
   */
  async waitForUnit(unit: string, options: WaitOptions = {}): Promise<void> {
    await until(this, unitToBeActive(this, unit), options)
  }

  /** Waits until a TCP port is listened on. No connection is made to it. */
  async waitForOpenPort(port: number, options: PortWaitOptions = {}): Promise<void> {
    await until(this, portTo('open', this, port, options), options)
  }

  /** Waits until nothing listens on a TCP port. */
  async waitForClosedPort(port: number, options: PortWaitOptions = {}): Promise<void> {
    await until(this, portTo('closed', this, port, options), options)
  }

  /** Waits until something listens at a unix socket. No connection is made to it. */
  async waitForOpenUnixSocket(path: string, options: WaitOptions = {}): Promise<void> {
    await until(this, unixSocketToBeOpen(this, path), options)
  }

  /** Waits until there is something at `path`. */
  async waitForFile(path: string, options: WaitOptions = {}): Promise<void> {
    await until(this, fileToExist(this, path), options)
  }

  /** Waits until the console has shown, or shows, `pattern`; gives the text that matched. Goes on through a reboot. */
  async waitForConsoleText(pattern: RegExp | string, options: WaitOptions = {}): Promise<string> {
    return await consoleText(this, pattern, options)
  }

  /** Waits until the guest has powered off, however that came about. `start` boots it again. */
  async waitForShutdown(options: WaitOptions = {}): Promise<void> {
    await shutDown(this, options)
  }

  /**
   * Checks something again and again until the test ends, or the machine does: each 250 ms after the last check has ended, and once
   * at the end. While the machine is down nothing is checked. When `check` throws, rejects or gives `false`, what is in flight on
   * this machine is rejected with GuestAssertionError MAYFLY_INVARIANT_BROKEN, and the test fails whatever it makes of that.
   * `using` stops it earlier, `await using` after a last check. Its commands are no steps of the test.
   */
  invariant(name: string, check: (vm: this) => unknown, options: InvariantOptions = {}): Invariant {
    const invariant = new Invariant(this, name, () => check(this), options)
    this.#invariants.push(invariant)
    return invariant
  }

  /**
   * Says that this test brings something about that a console tells of, such as a failed unit: it is not warned of, and does not
   * fail the test. It is no assertion: nothing happens when it does not come. Holds until the end of the test, also for what came before.
   * @param kind a kind of docs/evidence.md, or of a rule of your own.
   * @param matcher only lines that contain this text, such as a unit's name, or match this expression.
   * @example
   * vm.expectFinding('failed-unit', 'shop.service')
   */
  expectFinding(kind: ExpectedKind, matcher?: string | RegExp): void {
    this.expectedFindings.add(kind, matcher)
  }

  /** @internal Checks the invariants no more, but for a last time if wanted. Gives how they broke, also those that were stopped since. */
  async endInvariants(lastCheck = true): Promise<MayflyError[]> {
    const ending = this.#invariants.splice(0)
    if (lastCheck) await Promise.allSettled(ending.map((invariant) => invariant[Symbol.asyncDispose]()))
    else for (const invariant of ending) invariant[Symbol.dispose]()
    return ending.flatMap(({ broken }) => broken ?? [])
  }
}
