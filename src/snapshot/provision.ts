import { MayflyError } from '../errors.js'
import { describeStep, type Step } from '../guest/steps.js'
import type { SshConnection } from '../ssh/connection.js'
import { exec } from '../ssh/exec.js'
import { upload } from '../ssh/transfer.js'

const APT = 'DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120'

/**
 * Runs one step in the guest that is going to be sealed.
 * @throws MayflyError MAYFLY_COMMAND_FAILED with the end of the step's output.
 */
export async function runStep(
  connection: SshConnection,
  step: Step,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (step.kind === 'file') {
    await upload(connection, step.source, step.target, { mode: step.mode, owner: step.owner ?? 'root:root' })
    return
  }
  const script =
    step.kind === 'shell'
      ? step.script
      : `${APT} update -q && ${APT} install -q -y --no-install-recommends ${step.names.join(' ')}`
  const tail: string[] = []
  const show = (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n')) {
      if (line.trim() === '') continue
      log(line)
      tail.push(line)
      if (tail.length > 20) tail.shift()
    }
  }
  const { exitCode, signal: killedBy } = await exec(connection, ['sh', '-euc', script], {
    onStdout: show,
    onStderr: show,
    signal,
  })
  if (exitCode === 0) return
  throw new MayflyError(
    'MAYFLY_COMMAND_FAILED',
    `provision step failed (${killedBy ?? `exit code ${exitCode}`}): ${describeStep(step)}`,
    {
      details: tail,
      hint: 'No template was sealed. Fix the step and run again.',
    },
  )
}
