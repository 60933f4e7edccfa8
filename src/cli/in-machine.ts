import { constants } from 'node:os'
import type { ExecOptions } from '../ssh/exec.js'
import type { Shell, ShellOptions } from '../ssh/shell.js'
import { EXIT } from './exit.js'
import { interact } from './interact.js'
import { writerOf } from './streams.js'

/** What a command line needs of a machine: a `Vm`, or a connection. */
export interface InMachine {
  exec(
    command: string | readonly string[],
    options: Omit<ExecOptions, 'encoding'>,
  ): Promise<{ exitCode: number | null; signal: string | null }>
  shell(options: ShellOptions): Promise<Shell>
}

/** Whether a command line without a command is one for a person. */
export function isInteractive(command: readonly string[]): boolean {
  return command.length === 0 && process.stdin.isTTY
}

/**
 * Runs a command with this process's standard input, output and error; without one, a shell.
 * @returns this process's exit status.
 */
export async function runInMachine(
  machine: InMachine,
  command: readonly string[],
  options: Omit<ExecOptions, 'encoding'> = {},
): Promise<number> {
  const ended = isInteractive(command) ? await interact(machine) : await passThrough(machine, command, options)
  return ended.signal === null ? (ended.exitCode ?? EXIT.harness) : EXIT.signal + signalNumber(ended.signal)
}

async function passThrough(
  machine: InMachine,
  command: readonly string[],
  options: Omit<ExecOptions, 'encoding'>,
): Promise<{ exitCode: number | null; signal: string | null }> {
  const [line] = command
  return await machine.exec(command.length === 1 ? line! : command.length === 0 ? ['sh'] : command, {
    ...options,
    stdin: process.stdin,
    onStdout: writerOf(process.stdout),
    onStderr: writerOf(process.stderr),
  })
}

function signalNumber(name: string): number {
  return constants.signals[name as NodeJS.Signals] ?? 0
}
