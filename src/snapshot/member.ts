import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import { AbortController } from '../node-globals.js'
import { POOLED } from '../session/list.js'
import { exec } from '../ssh/exec.js'
import { WaitingShell } from '../ssh/waiting-shell.js'
import type { Clone } from './clone.js'
import { isFixedOverSsh, setRight, setRightOverSsh } from './set-right.js'
import { type LaunchTimings, timed } from './timings.js'

/** A healthy QEMU answers within a few ms, also on a busy host; a healthy guest within a hundred. */
const WAKE_DEADLINE_MS = 3000
/** Two commands, in a guest whose code has yet to be translated, on a busy host. */
const SLEEP_DEADLINE_MS = 30_000

/**
 * One machine of a pool: resumed, logged in, a command run, then stopped, until somebody takes it.
 * The command is for the emulator, which translates a guest's code when it first runs, and for the guest's own caches.
 */
export class Member {
  readonly #filled: Promise<Clone>
  readonly #giveUp = new AbortController()
  #clone: Clone | undefined
  #silence: Disposable | undefined
  #taken = false
  #asleep = false

  /** @param onDeath called once if the machine dies before it is taken; nothing of it is left then. */
  constructor(make: (signal: AbortSignal) => Promise<Clone>, onDeath: (reason: unknown) => void) {
    this.#filled = this.#fill(make(this.#giveUp.signal), onDeath)
    this.#filled.catch(() => {})
  }

  /** Resolves when it is ready, or could not be made. */
  async settled(): Promise<void> {
    await this.#filled.catch(() => {})
  }

  /** Whether it can be had without waiting. */
  get ready(): boolean {
    return this.#asleep && !this.#taken
  }

  /**
   * The machine, running, with the host's time and random numbers of its own. Nobody else may take it.
   * @throws why it cannot be had; it is gone then.
   */
  async take(signal?: AbortSignal): Promise<Clone> {
    this.#taken = true
    const abort = () => this.#end(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    try {
      const clone = await this.#filled
      return this.#asleep ? await this.#wakeUp(clone) : clone
    } catch (error) {
      if (!signal?.aborted || (error instanceof MayflyError && error.code === 'MAYFLY_ABORTED')) throw error
      throw new MayflyError('MAYFLY_ABORTED', 'the wait for a pooled machine was given up', { cause: signal.reason })
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Ends the machine, also one that is still being made. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#taken = true
    this.#end(new Error('it is not needed any more'))
    await this.#filled.then(
      (clone) => clone[Symbol.asyncDispose](),
      () => {},
    )
  }

  /** A machine that is being made is given up; one that is there is killed, whatever it is doing. */
  #end(reason: unknown): void {
    this.#giveUp.abort(reason)
    void this.#clone?.qemu.kill()
  }

  async #fill(making: Promise<Clone>, onDeath: (reason: unknown) => void): Promise<Clone> {
    const clone = await making
    this.#clone = clone
    try {
      await within(this.#toSleep(clone), SLEEP_DEADLINE_MS, () => late('go to sleep', SLEEP_DEADLINE_MS, clone))
    } catch (error) {
      await clone[Symbol.asyncDispose]()
      throw error
    }
    if (this.#asleep) this.#watch(clone, onDeath)
    return clone
  }

  async #wakeUp(clone: Clone): Promise<Clone> {
    const timings: LaunchTimings = { prepare: 0, spawn: 0, load: 0, connect: 0, fixup: 0, pooled: true }
    this.#silence?.[Symbol.dispose]()
    // Over SSH it takes commands, by sudo perhaps.
    const deadlineMs = isFixedOverSsh(clone.prepared.template) ? SLEEP_DEADLINE_MS : WAKE_DEADLINE_MS
    try {
      await within(wake(clone, timings), deadlineMs, () => late('wake up', deadlineMs, clone))
    } catch (error) {
      await clone[Symbol.asyncDispose]()
      throw error
    }
    return { ...clone, timings }
  }

  /** Whoever is waiting for it already gets it as it is. */
  async #toSleep({ connection, qemu, place }: Clone): Promise<void> {
    if (this.#taken) return
    if (connection) await exec(connection, 'true')
    if (this.#taken) return
    // dropbear runs one command at a time on a connection, and starts a shell sooner.
    const shell =
      !connection || connection.isDropbear ? undefined : await WaitingShell.start(connection).catch(() => undefined)
    // A login shell of another kind ends at once; the machine does without.
    if (shell) connection?.keep(shell)
    if (this.#taken) return
    // It may sleep for longer than a connection may be silent.
    this.#silence = connection?.expectSilence()
    await Promise.all([qemu.qmp.execute('stop'), writeFile(join(place.directory, POOLED), '')])
    this.#asleep = true
  }

  #watch(clone: Clone, onDeath: (reason: unknown) => void): void {
    const died = (reason: unknown) => {
      if (this.#taken) return
      this.#taken = true
      void clone[Symbol.asyncDispose]().then(() => onDeath(reason))
    }
    void clone.qemu.exited.then(() => died(clone.qemu.exitError('MAYFLY_QEMU_EXITED', 'QEMU exited in the pool')))
    clone.connection?.onClose((error) => void clone.qemu.ending().then(() => died(error)))
  }
}

/** Both are sent at once: the guest finds the agent's request when its vCPUs go on. */
async function wake({ qemu, agent, connection, prepared, place }: Clone, timings: LaunchTimings): Promise<void> {
  const { template } = prepared
  await Promise.all([
    timed(timings, 'load', () => qemu.qmp.execute('cont')),
    rm(join(place.directory, POOLED), { force: true }),
    template.manifest.agent ? timed(timings, 'fixup', () => setRight(agent, qemu)) : undefined,
    connection && isFixedOverSsh(template) ? timed(timings, 'fixup', () => setRightOverSsh(connection)) : undefined,
  ])
}

function late(what: string, limitMs: number, { place, qemu }: Clone): MayflyError {
  return new MayflyError('MAYFLY_WAIT_TIMEOUT', `${place.id} did not ${what} within ${limitMs} ms`, {
    details: [`qemu: ${qemu.alive ? `running (pid ${qemu.pid})` : 'gone'}`],
  })
}
