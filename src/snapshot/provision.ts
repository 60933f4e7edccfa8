import { MayflyError } from '../errors.js'
import { type DataStep, describeStep, type Step } from '../guest/steps.js'
import { AbortController } from '../node-globals.js'
import type { SshConnection } from '../ssh/connection.js'
import { OutputLines } from '../ssh/output-lines.js'
import { runScript } from '../ssh/script.js'
import { upload } from '../ssh/transfer.js'
import type { Clone, Connected } from './clone.js'
import { installScript } from './install-script.js'

/** Lines of a failing step's output that its error shows. */
const TAIL = 20

/**
 * Takes one step in the machine that is going to be sealed; ends at once if that dies meanwhile.
 * @throws MayflyError MAYFLY_COMMAND_FAILED with the end of the step's output, MAYFLY_ABORTED.
 */
export async function runStep(
  machine: Connected,
  step: Step,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const settled = new AbortController()
  const working = work(machine, step, log, signal)
  const { qemu } = machine
  try {
    await Promise.race([working, qemu.failOnExit(), qemu.console.failOnPanic(settled.signal)])
  } catch (error) {
    working.catch(() => {})
    const why = await explainEnd(error, machine, step)
    // Code has a Vm of its own, which it lets go of when the machine has ended.
    if (qemu.exit) await working.catch(() => {})
    throw why
  } finally {
    settled.abort()
  }
}

/** A lost connection is a symptom; if the machine ended, that is the cause. */
async function explainEnd(error: unknown, { qemu }: Clone, step: Step): Promise<unknown> {
  const codes = ['MAYFLY_SSH_FAILED', 'MAYFLY_QEMU_EXITED', 'MAYFLY_FILE_TRANSFER_FAILED']
  if (!(error instanceof MayflyError) || !codes.includes(error.code)) return error
  const exit = await qemu.ending()
  if (!exit) return error
  if (qemu.console.panicError) return qemu.console.panicError
  const ended = qemu.exitError(
    'MAYFLY_QEMU_EXITED',
    `the machine ended during the provision step ${describeStep(step)}`,
  )
  return exit.code === 0
    ? ended.withDetails(['it was powered off or rebooted from inside: what is sealed must run on'])
    : ended
}

async function work(
  machine: Connected,
  step: Step,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  // Whoever defined the step knows what kind of machine that is: see vm/setup.ts.
  if (step.kind === 'setup') return await step.run(machine as never, signal)
  const hint = 'No template of it was sealed; the steps before it are kept. Fix it and run again.'
  await takeStep(machine.connection, step, log, { signal, hint })
}

/**
 * Takes a step that is data in a machine that can be logged in to.
 * @param log gets each line that it prints.
 * @throws MayflyError MAYFLY_COMMAND_FAILED with the end of the step's output and `hint`, MAYFLY_FILE_TRANSFER_FAILED, MAYFLY_ABORTED.
 */
export async function takeStep(
  connection: SshConnection,
  step: DataStep,
  log: (line: string) => void,
  { signal, hint }: { signal?: AbortSignal | undefined; hint: string },
): Promise<void> {
  if (step.kind === 'file') {
    const skipped = await upload(connection, step.source, step.target, {
      mode: step.mode,
      owner: step.owner ?? 'root:root',
      user: 'root',
      signal,
    })
    for (const path of skipped) log(`not copied: ${path}`)
    return
  }
  const script = step.kind === 'shell' ? step.script : installScript(step.names)
  const tail: string[] = []
  const show = (line: string) => {
    log(line)
    if (line.trim() === '') return
    tail.push(line)
    if (tail.length > TAIL) tail.shift()
  }
  const [stdout, stderr] = [new OutputLines(show), new OutputLines(show)]
  // As input, not as an argument: an argument has 128 KiB at most.
  const { exitCode, signal: killedBy } = await runScript(connection, `set -eu\n${script}`, {
    name: describeStep(step),
    user: step.kind === 'shell' ? (step.user ?? 'root') : 'root',
    onStdout: (chunk) => stdout.push(chunk),
    onStderr: (chunk) => stderr.push(chunk),
    signal,
  })
  for (const lines of [stdout, stderr]) lines.end()
  if (exitCode === 0) return
  throw new MayflyError(
    'MAYFLY_COMMAND_FAILED',
    `provision step failed (${killedBy ?? `exit code ${exitCode}`}): ${describeStep(step)}`,
    { details: tail, hint },
  )
}
