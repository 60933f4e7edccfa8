import { MayflyError } from '../../errors.js'
import type { ExecOptions, ExecResult } from '../../ssh/exec.js'
import { exec } from '../../ssh/exec.js'
import { OutputBuffer } from '../../ssh/output.js'
import { MIB } from '../../units.js'
import { type Command, type Commands, textOf } from '../commands.js'
import { type Awaited, SLOW_PAUSE_MS, type WaitOptions } from './until.js'

const MOST_BYTES = 64 * MIB

export type CommandWaitOptions = WaitOptions & Pick<ExecOptions, 'cwd' | 'env' | 'user'>

/** A command of the user's, run afresh for each attempt, to exit as it should. */
export function commandTo(
  should: 'succeed' | 'fail',
  vm: Commands,
  command: Command,
  { cwd, env, user }: CommandWaitOptions,
): Awaited<ExecResult> {
  const text = textOf(command)
  /** Of the attempt that runs, or ran last. */
  let printed = newOutput()
  return {
    title: `\`${text}\` to ${should}`,
    longestPauseMs: SLOW_PAUSE_MS,
    async look(options) {
      const { stdout, stderr } = newOutput()
      printed = { stdout, stderr }
      const [onStdout, onStderr] = [keepIn(stdout, text), keepIn(stderr, text)]
      // Not `vm.exec`: an attempt is no step of the test.
      const ended = await vm.life.use(`exec ${text}`, (connection) =>
        exec(connection, command, { cwd, env, user, onStdout, onStderr, ...options }),
      )
      const result = { ...ended, stdout: stdout.text(), stderr: stderr.text() }
      return (result.exitCode === 0) === (should === 'succeed') ? { met: result } : { seen: lastSeen(result) }
    },
    unfinished: () => [...printed.stdout.lastLines('stdout'), ...printed.stderr.lastLines('stderr')],
  }
}

/** Kept here, and not by `exec`, so that it can be told when the command has not ended. */
function newOutput() {
  return { stdout: new OutputBuffer(MOST_BYTES, false), stderr: new OutputBuffer(MOST_BYTES, false) }
}

function keepIn(output: OutputBuffer, command: string): (chunk: Buffer) => void {
  return (chunk) => {
    if (output.add(chunk)) return
    throw new MayflyError('MAYFLY_OUTPUT_TOO_LARGE', `the command wrote more than ${MOST_BYTES} bytes: ${command}`)
  }
}

function lastSeen({ stdout, stderr, exitCode, signal }: ExecResult): string[] {
  const output = `${stdout}${stderr}`.trim()
  const lines = output === '' ? [] : output.split('\n').slice(-10)
  return [`last: ${signal ?? `exit code ${exitCode}`}`, ...lines.map((line) => `  ${line}`)]
}
