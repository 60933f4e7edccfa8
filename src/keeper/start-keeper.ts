import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AbortSignal, URL } from '../node-globals.js'
import { SESSION_VARIABLE } from '../session/watchdog.js'
import type { KeeperStart } from './address.js'

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))
/** Node and our modules, on a busy host. */
const START_DEADLINE_MS = 15_000

/** Whether there is a program to start: not where Mayfly runs from its TypeScript. */
export function canStartKeeper(): boolean {
  return existsSync(MAIN)
}

/** Starts a keeper, which outlives this process; settles when it can be found. */
export async function startKeeper(start: KeeperStart): Promise<void> {
  const child = spawn(process.execPath, [MAIN, JSON.stringify(start)], {
    // Ctrl-C is for the owner, whose end the keeper notices.
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: ownEnvironment(),
  })
  child.unref()
  const exited = Promise.race([once(child, 'exit'), once(child, 'error')]).then(([reason]) => {
    throw new Error(`the keeper could not be started: ${String(reason)}`)
  })
  try {
    await Promise.race([once(child.stdout, 'data', { signal: AbortSignal.timeout(START_DEADLINE_MS) }), exited])
  } finally {
    exited.catch(() => {})
    child.stdout.destroy()
  }
}

/** Without what is meant for the process that starts it: the session's mark, the runner's own variables, inspectors and loaders. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(VITEST|TEST$|NODE_OPTIONS$|NODE_V8_COVERAGE$)/
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name !== SESSION_VARIABLE && !foreign.test(name)),
  )
}
