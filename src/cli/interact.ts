import type { ShellExit } from '../ssh/shell.js'
import type { InMachine } from './in-machine.js'
import { rawTerminal } from './terminal.js'

/** A shell in the guest on this process's terminal, until it ends. */
export async function interact(machine: InMachine): Promise<ShellExit> {
  const { stdin, stdout } = process
  await using shell = await machine.shell({ cols: stdout.columns, rows: stdout.rows, term: process.env.TERM })
  const resize = () => shell.resize(stdout.columns, stdout.rows)
  stdout.on('resize', resize)
  using _raw = await rawTerminal()
  stdin.pipe(shell.stream)
  shell.stream.pipe(stdout, { end: false })
  try {
    return await shell.exited
  } finally {
    stdin.unpipe(shell.stream)
    stdout.off('resize', resize)
  }
}
