import { type Progress, silent } from '../host/progress.js'
import { delayed, progressOn } from './progress.js'

/** Shorter work needs no explanation. */
const QUIET_MS = 500

/** What is shown of work that may take long: on a terminal from half a second on, elsewhere only why something is made again, unless more is asked for. */
export function shownProgress(verbose = false): Progress {
  const progress = progressOn(process.stderr)
  if (verbose) return progress
  if (process.stderr.isTTY) return delayed(progress, QUIET_MS)
  return { ...silent, warn: (line) => void process.stderr.write(`mayfly: ${line}\n`) }
}
