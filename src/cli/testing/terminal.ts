import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'

/** A command on a terminal of its own, what is typed there, and what it shows. */
export function onTerminal(command: string, options: { env: NodeJS.ProcessEnv; cwd?: string }) {
  const child = spawn('script', ['-qec', command, '/dev/null'], { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
  let shown = ''
  child.stdout.on('data', (chunk) => {
    shown += String(chunk)
  })
  return {
    type: (keys: string) => child.stdin.write(keys),
    seen: (pattern: RegExp) => expect.poll(() => shown, { timeout: 20_000, interval: 20 }).toMatch(pattern),
    exited: once(child, 'exit').then(([code]) => code as number),
    [Symbol.dispose]: () => void child.kill(),
  }
}
