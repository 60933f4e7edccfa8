import { constants } from 'node:os'
import type { ExecOptions } from '../ssh/exec.js'
import type { Vm } from '../vm/vm.js'
import { EXIT } from './exit.js'
import { interact } from './interact.js'
import { writerOf } from './streams.js'

/** Whether a command line without a command is one for a person. */
export function isInteractive(command: readonly string[]): boolean {
  return command.length === 0 && process.stdin.isTTY
}

/**
 * Runs a command with this process's standard input, output and error; without one, a shell.
 * @returns this process's exit status.
 */
export async function runInMachine(
  vm: Vm,
  command: readonly string[],
  options: Omit<ExecOptions, 'encoding'> = {},
): Promise<number> {
  const ended = isInteractive(command) ? await interact(vm) : await passThrough(vm, command, options)
  return ended.signal === null ? (ended.exitCode ?? EXIT.harness) : EXIT.signal + signalNumber(ended.signal)
}

async function passThrough(
  vm: Vm,
  command: readonly string[],
  options: Omit<ExecOptions, 'encoding'>,
): Promise<{ exitCode: number | null; signal: string | null }> {
  const [line] = command
  return await vm.exec(command.length === 1 ? line! : command.length === 0 ? ['sh'] : command, {
    ...options,
    stdin: process.stdin,
    onStdout: writerOf(process.stdout),
    onStderr: writerOf(process.stderr),
  })
}

function signalNumber(name: string): number {
  return constants.signals[name as NodeJS.Signals] ?? 0
}
