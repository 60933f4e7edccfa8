import { execa } from 'execa'

/** Passes keys on as they are, Ctrl-C among them, until it is disposed of. */
export async function rawTerminal(): Promise<Disposable> {
  const { stdin } = process
  stdin.setRawMode(true)
  // Node's raw mode still turns a line feed into two characters, which moves the cursor of a full-screen program.
  await execa('stty', ['-opost'], { stdin: 'inherit', reject: false })
  return { [Symbol.dispose]: () => void stdin.setRawMode(false) }
}
