import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import type { SshConnection } from '../ssh/connection.js'
import { runScript } from '../ssh/script.js'
import type { Running } from './running.js'

interface SetUpOptions {
  name: string
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/** 1 is an error; 2, of newer ones, something that cloud-init could do without. Small images have other programs in its place. */
const WAIT = `command -v cloud-init >/dev/null || exit 0
cloud-init status --long --wait`
const HAS_AGENT = 'command -v systemctl >/dev/null && systemctl is-active --quiet mayfly-agent.service'

/**
 * Waits until cloud-init has set a machine up.
 * @returns whether Mayfly's agent runs in it now, which it does where there is what it needs.
 * @throws MayflyError MAYFLY_COMMAND_FAILED with cloud-init's own words, MAYFLY_BOOT_TIMEOUT, MAYFLY_ABORTED.
 */
export async function untilSetUp(
  { qemu, agent }: Running,
  connection: SshConnection,
  options: SetUpOptions,
): Promise<boolean> {
  const console = () => qemu.console.tail().map((line) => `console: ${line}`)
  const hasAgent = await Promise.race([setUpOverSsh(connection, options, console), qemu.failOnExit()])
  if (!hasAgent) return false
  await within(Promise.race([agent.ready(), qemu.failOnExit()]), options.timeoutMs, () => {
    return new MayflyError('MAYFLY_BOOT_TIMEOUT', `the agent of ${options.name} runs, and was not heard of`)
  })
  return true
}

/**
 * The same by what the guest says alone.
 * @param more to say of a failure.
 */
export async function setUpOverSsh(
  connection: SshConnection,
  { name, timeoutMs, signal }: SetUpOptions,
  more: () => string[] = () => [],
): Promise<boolean> {
  const late = () =>
    new MayflyError('MAYFLY_BOOT_TIMEOUT', `cloud-init of ${name} did not end within ${timeoutMs} ms`, {
      details: more(),
    })
  const { exitCode, stdout, stderr } = await within(
    runScript(connection, WAIT, { name: 'wait for cloud-init', signal }),
    timeoutMs,
    late,
  )
  if (exitCode === 1) {
    const said = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '')
    throw new MayflyError('MAYFLY_COMMAND_FAILED', `cloud-init failed in ${name}`, {
      details: [...said, ...more()],
      hint: 'Is the user-data as cloud-init wants it? Its log is on the console.',
    })
  }
  return (await runScript(connection, HAS_AGENT, { name: 'look for the agent', signal })).exitCode === 0
}
