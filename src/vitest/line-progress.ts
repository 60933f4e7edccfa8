import type { Progress } from '../host/progress.js'
import { performance } from '../node-globals.js'
import { shownInColour } from '../shown-text.js'
import { formatMilliseconds } from '../units.js'

/** A line on stderr: vitest captures the console, and shows it only at the end of a file. */
export function say(line: string): void {
  process.stderr.write(`mayfly: ${shownInColour(line)}\n`)
}

/** A line when a step starts and when it ends. */
export function lineProgress(): Progress {
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
