import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import type { SshConnection } from '../ssh/connection.js'
import { exec } from '../ssh/exec.js'
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
  { name, timeoutMs, signal }: SetUpOptions,
): Promise<boolean> {
  const late = () =>
    new MayflyError('MAYFLY_BOOT_TIMEOUT', `cloud-init of ${name} did not end within ${timeoutMs} ms`, {
      details: qemu.console.tail().map((line) => `console: ${line}`),
    })
  const { exitCode, stdout, stderr } = await within(
    Promise.race([exec(connection, ['sh', '-c', WAIT], { signal }), qemu.failOnExit()]),
    timeoutMs,
    late,
  )
  if (exitCode === 1) {
    const said = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '')
    throw new MayflyError('MAYFLY_COMMAND_FAILED', `cloud-init failed in ${name}`, {
      details: [...said, ...qemu.console.tail().map((line) => `console: ${line}`)],
      hint: 'Is the user-data as cloud-init wants it? Its log is on the console.',
    })
  }
  const { exitCode: absent } = await exec(connection, ['sh', '-c', HAS_AGENT], { signal })
  if (absent !== 0) return false
  await within(Promise.race([agent.ready(), qemu.failOnExit()]), timeoutMs, () => {
    return new MayflyError('MAYFLY_BOOT_TIMEOUT', `the agent of ${name} runs, and was not heard of`)
  })
  return true
}
