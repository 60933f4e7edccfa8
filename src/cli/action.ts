import { resolve } from 'node:path'
import { defaultCacheDir } from '../image/store.js'
import { setTimeout } from '../node-globals.js'
import { closeSession } from '../session/session.js'
import { EXIT } from './exit.js'
import { printError, statusOf } from './report-error.js'
import { onSignals } from './signals.js'
import { flush, isBrokenPipe } from './streams.js'

/** What every command gets besides its own options. */
export interface ActionContext {
  /** Absolute. */
  cacheDir: string
  /** Aborts on Ctrl-C and the like; the command then ends what it has started, and its result does not matter. */
  signal: AbortSignal
}

/** How long a command may take to clean up after a signal. What it leaves then, the session's watchdog ends. */
const CLEANUP_MS = 3000

/** Runs one command to its end, and exits with its status: nothing that still lingers keeps the process. */
export async function act(
  cacheDir: string | undefined,
  work: (context: ActionContext) => Promise<number>,
): Promise<never> {
  using signals = onSignals((status) => setTimeout(() => process.exit(status), CLEANUP_MS))
  const directory = resolve(cacheDir ?? defaultCacheDir())
  let status: number
  try {
    status = await work({ cacheDir: directory, signal: signals.signal })
  } catch (error) {
    status = isBrokenPipe(error) ? EXIT.signal + 13 : statusOf(error)
    if (signals.status === undefined && !isBrokenPipe(error)) printError(error)
  }
  // Removing what was owned is worth a try, not another message: the watchdog tries again.
  await closeSession(directory).catch((error) => signals.status === undefined && printError(error))
  // Whoever interrupts does not wait for a reader that has stalled.
  if (signals.status === undefined) await flush()
  process.exit(signals.status ?? status)
}
