import type { ExecOptions, ExecResult } from '../../ssh/exec.js'
import { exec } from '../../ssh/exec.js'
import { type Command, type Commands, textOf } from '../commands.js'
import { type Awaited, SLOW_PAUSE_MS, type WaitOptions } from './until.js'

export type CommandWaitOptions = WaitOptions & Pick<ExecOptions, 'cwd' | 'env' | 'user'>

/** A command of the user's, run afresh for each attempt, to exit as it should. */
export function commandTo(
  should: 'succeed' | 'fail',
  vm: Commands,
  command: Command,
  { cwd, env, user }: CommandWaitOptions,
): Awaited<ExecResult> {
  const text = textOf(command)
  return {
    title: `\`${text}\` to ${should}`,
    longestPauseMs: SLOW_PAUSE_MS,
    async look(options) {
      // Not `vm.exec`: an attempt is no step of the test.
      const result = await vm.life.use(`exec ${text}`, (connection) =>
        exec(connection, command, { cwd, env, user, ...options }),
      )
      return (result.exitCode === 0) === (should === 'succeed') ? { met: result } : { seen: lastSeen(result) }
    },
  }
}

function lastSeen({ stdout, stderr, exitCode, signal }: ExecResult): string[] {
  const output = `${stdout}${stderr}`.trim()
  const lines = output === '' ? [] : output.split('\n').slice(-10)
  return [`last: ${signal ?? `exit code ${exitCode}`}`, ...lines.map((line) => `  ${line}`)]
}
