import type { Progress } from '../host/progress.js'
import { formatMilliseconds } from '../units.js'

/** A line on stderr when a step starts and when it ends: vitest captures the console, and shows it only at the end of a file. */
export function lineProgress(write: (text: string) => void = (text) => process.stderr.write(text)): Progress {
  const say = (line: string) => write(`mayfly: ${line}\n`)
  return {
    async step(title, work) {
      const started = performance.now()
      say(`${title} ...`)
      try {
        const result = await work(() => {})
        say(`${title}: ${formatMilliseconds(performance.now() - started)}`)
        return result
      } catch (error) {
        say(`${title}: failed after ${formatMilliseconds(performance.now() - started)}`)
        throw error
      }
    },
    // What was there already is no news between tests.
    cached: () => {},
    note: say,
  }
}
