import type { ExecResult } from '../ssh/exec.js'
import { describeExit } from '../vm/resources/command.js'
import { contains, describePattern, excerpt, type Pattern, withoutLastNewline } from './text.js'
import { define, type Verdict } from './verdict.js'

export const commandMatchers = {
  toSucceed: define({
    on: ['command'],
    wanted: () => 'to succeed',
    check: async (command, options) => ended((await command.look(options)).state, ({ exitCode }) => exitCode === 0),
  }),

  toFail: define({
    on: ['command'],
    wanted: () => 'to fail',
    check: async (command, options) => ended((await command.look(options)).state, ({ exitCode }) => exitCode !== 0),
  }),

  toHaveExitCode: define({
    on: ['command'],
    wanted: (exitCode: number) => `to exit with ${exitCode}`,
    check: async (command, options, exitCode) =>
      ended((await command.look(options)).state, (result) => result.exitCode === exitCode),
  }),

  toHaveStdout: define({
    on: ['command'],
    wanted: (text: Pattern) => `to print ${describePattern(text)}`,
    check: async (command, options, text) => printed((await command.look(options)).state, 'stdout', text),
  }),

  toHaveStderr: define({
    on: ['command'],
    wanted: (text: Pattern) => `to print ${describePattern(text)} to stderr`,
    check: async (command, options, text) => printed((await command.look(options)).state, 'stderr', text),
  }),
}

function ended(result: ExecResult, holds: (result: ExecResult) => boolean): Verdict {
  const { stdout, stderr } = result
  return { pass: holds(result), seen: describeExit(result), evidence: outputOf(result), output: { stdout, stderr } }
}

/** All of the output, but for the newline at its end, if it is text that is wanted; a part of it if it is a pattern. */
function printed(result: ExecResult, stream: 'stdout' | 'stderr', wanted: Pattern): Verdict {
  const { stdout, stderr } = result
  const actual = withoutLastNewline(result[stream])
  const exact = typeof wanted === 'string' ? withoutLastNewline(wanted) : undefined
  const pass = exact === undefined ? contains(actual, wanted) : actual === exact
  return {
    pass,
    seen: pass ? 'did' : `${describeExit(result)} and printed ${actual === '' ? 'nothing' : 'something else'}`,
    evidence: outputOf(result),
    output: { stdout, stderr },
    ...(exact === undefined ? {} : { compared: { actual, expected: exact } }),
  }
}

/** Of both streams, what there is. */
export function outputOf({ stdout, stderr }: ExecResult): string[] {
  if (stdout.trim() === '' && stderr.trim() === '') return ['it printed nothing']
  return [
    ...(stdout.trim() === '' ? [] : excerpt('stdout', stdout)),
    ...(stderr.trim() === '' ? [] : excerpt('stderr', stderr)),
  ]
}
