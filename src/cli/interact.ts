import { execa } from 'execa'
import type { ShellExit } from '../ssh/shell.js'
import type { Vm } from '../vm/vm.js'

/** A shell in the guest on this process's terminal, until it ends. */
export async function interact(vm: Vm): Promise<ShellExit> {
  const { stdin, stdout } = process
  await using shell = await vm.shell({ cols: stdout.columns, rows: stdout.rows, term: process.env.TERM })
  const resize = () => shell.resize(stdout.columns, stdout.rows)
  stdout.on('resize', resize)
  // Keys go to the guest's terminal as they are; Ctrl-C is among them.
  stdin.setRawMode(true)
  // Node's raw mode still turns a line feed into two characters, which moves the cursor of a full-screen program.
  await execa('stty', ['-opost'], { stdin: 'inherit', reject: false })
  stdin.pipe(shell.stream)
  shell.stream.pipe(stdout, { end: false })
  try {
    return await shell.exited
  } finally {
    stdin.unpipe(shell.stream)
    stdin.setRawMode(false)
    stdout.off('resize', resize)
  }
}
