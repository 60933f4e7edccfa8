import type { Progress } from '../host/progress.js'
import { formatMilliseconds } from '../units.js'
import { style } from './style.js'

/** On a terminal one line per step, kept up to date; elsewhere a line when a step starts and one when it ends. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? liveProgress(stream) : lineProgress(stream)
}

const REFRESH_MS = 200
const CLEAR_TO_END = '\x1b[K'

function liveProgress(stream: NodeJS.WriteStream): Progress {
  return {
    async step(title, work) {
      const started = performance.now()
      let lastLine = ''
      const draw = () => {
        const elapsed = formatMilliseconds(performance.now() - started)
        const text = `${title} ... ${elapsed}  ${lastLine}`
        stream.write(`\r${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}${CLEAR_TO_END}`)
      }
      draw()
      const timer = setInterval(draw, REFRESH_MS)
      try {
        const result = await work((line) => {
          // Others' control characters would move the cursor.
          lastLine = line.replaceAll(/[^\P{C}]/gu, ' ').trim()
        })
        stream.write(
          `\r${title}: ${style('green', formatMilliseconds(performance.now() - started), stream)}${CLEAR_TO_END}\n`,
        )
        return result
      } catch (error) {
        stream.write(
          `\r${title}: ${style('red', 'failed', stream)} after ${formatMilliseconds(performance.now() - started)}${CLEAR_TO_END}\n`,
        )
        throw error
      } finally {
        clearInterval(timer)
      }
    },
    note: (line) => stream.write(`\r${line}${CLEAR_TO_END}\n`),
  }
}

function lineProgress(stream: NodeJS.WriteStream): Progress {
  return {
    async step(title, work) {
      const started = performance.now()
      stream.write(`${title} ...\n`)
      try {
        const result = await work(() => {})
        stream.write(`${title}: ${formatMilliseconds(performance.now() - started)}\n`)
        return result
      } catch (error) {
        stream.write(`${title}: failed after ${formatMilliseconds(performance.now() - started)}\n`)
        throw error
      }
    },
    note: (line) => void stream.write(`${line}\n`),
  }
}

/** Says nothing of steps that end within `ms`, and of longer ones only from then on. */
export function delayed(progress: Progress, ms: number): Progress {
  return {
    async step(title, work) {
      let log: (line: string) => void = () => {}
      const working = work((line) => log(line))
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), ms)
      })
      const first = await Promise.race([working.then(() => 'done' as const), late]).finally(() => clearTimeout(timer))
      if (first === 'done') return await working
      return await progress.step(title, async (show) => {
        log = show
        return await working
      })
    },
    note: (line) => progress.note(line),
  }
}

export interface RecordedStep {
  title: string
  ms: number
}

/** Passes on to `progress`, and keeps what each step took. */
export function recorded(progress: Progress, steps: RecordedStep[]): Progress {
  return {
    async step(title, work) {
      const started = performance.now()
      const result = await progress.step(title, work)
      steps.push({ title, ms: Math.round(performance.now() - started) })
      return result
    },
    note: (line) => progress.note(line),
  }
}
