import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import { AbortController, AbortSignal, performance } from '../node-globals.js'
import type { SshConnection } from '../ssh/connection.js'
import { exec } from '../ssh/exec.js'
import type { SshTarget } from '../ssh/handshake.js'
import { type WaitForSshOptions, waitForSsh } from '../ssh/wait-for-ssh.js'
import { formatMilliseconds } from '../units.js'
import type { Running } from './running.js'

export interface ReadyOptions {
  timeoutMs: number
  signal?: AbortSignal | undefined
  /** What is being waited for, for the error: `debian`. */
  name: string
  /** Ask the guest's agent when its SSH server listens: attempts before that cost seconds, for QEMU's network accepts and stays silent. */
  agent?: boolean | undefined
  /** The guest's keys are put in place while it boots, perhaps after its server has started: being refused is not the end. */
  settling?: boolean | undefined
  /** A clone's template has run commands, and its server listens: a login is enough. */
  resumed?: boolean | undefined
}

/** Before a second attempt is made beside a silent one, when the server is known to listen: it would only slow the first. */
const KNOWN_PATIENCE_MS = 3000

/**
 * A connection on which a command has succeeded: that, and not a login prompt, is when a guest is ready.
 * @throws MayflyError MAYFLY_GUEST_PANIC and MAYFLY_QEMU_EXITED at once, MAYFLY_SSH_FAILED for a wrong key,
 *   MAYFLY_BOOT_TIMEOUT with the last failure and the console's tail, MAYFLY_ABORTED.
 */
export async function untilReady(running: Running, target: SshTarget, options: ReadyOptions): Promise<SshConnection> {
  const { timeoutMs, signal, name } = options
  const { qemu } = running
  const settled = new AbortController()
  const aborts = AbortSignal.any([settled.signal, ...(signal ? [signal] : [])])
  const started = performance.now()
  const connecting = connect(running, { ...target, timeoutMs, signal: aborts, settling: options.settling }, options)
  try {
    return await Promise.race([connecting, qemu.failOnExit(), qemu.console.failOnPanic(aborts)])
  } catch (error) {
    settled.abort(error)
    // Whoever lost the race must not leave its connection behind.
    connecting.then((late) => late.close()).catch(() => {})
    if (signal?.aborted)
      throw new MayflyError('MAYFLY_ABORTED', `gave up waiting for ${name}`, { cause: signal.reason })
    if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_BOOT_TIMEOUT') throw error
    throw new MayflyError(
      'MAYFLY_BOOT_TIMEOUT',
      `${name} did not run a command over SSH within ${formatMilliseconds(performance.now() - started)}`,
      {
        details: [
          ...error.details,
          `qemu: ${qemu.alive ? `running (pid ${qemu.pid})` : 'gone'}`,
          ...qemu.console.tail().map((line) => `console: ${line}`),
        ],
        hint: 'Does the guest start an SSH server and its network? A slow host may need a longer bootTimeout.',
        cause: error,
      },
    )
  } finally {
    settled.abort()
  }
}

/**
 * The same for a machine without a network: its agent has spoken, which is all that can be known of it.
 * @throws MayflyError as `untilReady`; MAYFLY_GUEST_INVALID for a guest without an agent.
 */
export async function untilAgentReady({ qemu, agent }: Running, options: ReadyOptions): Promise<undefined> {
  const { timeoutMs, signal, name } = options
  if (!options.agent) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `${name} has neither a network nor Mayfly's agent`, {
      hint: 'Nothing tells when it is ready. Give it a network, or use an image with the agent.',
    })
  }
  const settled = new AbortController()
  const aborts = AbortSignal.any([settled.signal, ...(signal ? [signal] : [])])
  const up = Promise.race([agent.ready(), qemu.failOnExit(), qemu.console.failOnPanic(aborts)])
  try {
    await within(up, timeoutMs, () => {
      return new MayflyError(
        'MAYFLY_BOOT_TIMEOUT',
        `the agent of ${name} did not start within ${formatMilliseconds(timeoutMs)}`,
        {
          details: qemu.console.tail().map((line) => `console: ${line}`),
        },
      )
    })
  } catch (error) {
    if (!signal?.aborted) throw error
    throw new MayflyError('MAYFLY_ABORTED', `gave up waiting for ${name}`, { cause: signal.reason })
  } finally {
    settled.abort()
  }
}

async function connect(
  { agent }: Running,
  options: WaitForSshOptions & { timeoutMs: number },
  how: ReadyOptions,
): Promise<SshConnection> {
  if (how.resumed) return await waitForSsh({ ...options, patienceMs: KNOWN_PATIENCE_MS })
  if (!how.agent) return await firstCommand(options)
  const listening = agent.ready().then(() => agent.listening(22))
  await within(listening, options.timeoutMs, () => {
    return new MayflyError('MAYFLY_BOOT_TIMEOUT', 'no SSH server', {
      details: [`the guest's agent ${agent.present ? 'runs, but nothing listens on port 22' : 'never started'}`],
    })
  })
  return await firstCommand({ ...options, patienceMs: KNOWN_PATIENCE_MS })
}

async function firstCommand(options: WaitForSshOptions): Promise<SshConnection> {
  const connection = await waitForSsh(options)
  try {
    await exec(connection, 'true')
    return connection
  } catch (error) {
    await connection.close()
    throw error
  }
}
