import { type Progress, warn } from '../host/progress.js'
import { clearInterval, clearTimeout, performance, setInterval, setTimeout } from '../node-globals.js'
import { shown, shownInColour, shownPlain } from '../shown-text.js'
import { formatMilliseconds } from '../units.js'
import { style } from './style.js'

/** How the lines of a command look: what comes before a title, and how wide titles are. */
export interface Layout {
  prefix?: string
  width?: number
}

/** On a terminal one line per step, kept up to date; elsewhere a line when a step starts and one when it ends. Quiet about what was cached. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? liveProgress(stream, {}) : lineProgress(stream)
}

/** A branch per step: kept up to date on a terminal, written when the step has ended elsewhere; with what was cached. */
export function branchesOn(stream: NodeJS.WriteStream, layout: Layout): Progress {
  const branch = { prefix: '├─ ', ...layout }
  const shown = stream.isTTY ? liveProgress(stream, branch) : endProgress(stream, branch)
  return {
    step: (title, work) => shown.step(title, work),
    cached: (title) => void stream.write(`${line(branch, title, style('dim', 'cached', stream))}\n`),
    note: (text) => shown.note(`│  ${text}`),
  }
}

/** A line for each step when it ends, as where several things are done at once. */
export function linesOn(stream: NodeJS.WriteStream, prefix: string): Progress {
  return endProgress(stream, { prefix })
}

const REFRESH_MS = 200
const CLEAR_TO_END = '\x1b[K'

function liveProgress(stream: NodeJS.WriteStream, layout: Layout): Progress {
  const end = (title: string, text: string) => stream.write(`\r${line(layout, title, text)}${CLEAR_TO_END}\n`)
  return {
    async step(title, work) {
      const started = performance.now()
      let lastLine = ''
      const draw = () => {
        const text = line(layout, title, `${elapsed(started)}  ${lastLine}`)
        stream.write(`\r${text.slice(0, Math.max(20, (stream.columns || 80) - 1))}${CLEAR_TO_END}`)
      }
      draw()
      const timer = setInterval(draw, REFRESH_MS)
      try {
        const result = await work((text) => {
          // Longer ones are cut to the terminal's width anyway.
          lastLine = shownPlain(text.slice(0, 1000)).replaceAll(/\s+/g, ' ').trim()
        })
        end(title, style('green', elapsed(started), stream))
        return result
      } catch (error) {
        end(title, `${style('red', 'failed', stream)} after ${elapsed(started)}`)
        throw error
      } finally {
        clearInterval(timer)
      }
    },
    cached: () => {},
    note: (text) => void stream.write(`\r${shownInColour(text)}${CLEAR_TO_END}\n`),
  }
}

/** A line when a step starts and one when it ends. */
function lineProgress(stream: NodeJS.WriteStream): Progress {
  const ends = endProgress(stream, {})
  return {
    ...ends,
    step(title, work) {
      stream.write(`${shown(title)} ...\n`)
      return ends.step(title, work)
    },
  }
}

/** A line when a step ends. */
function endProgress(stream: NodeJS.WriteStream, layout: Layout): Progress {
  return {
    async step(title, work) {
      const started = performance.now()
      try {
        const result = await work(() => {})
        stream.write(`${line(layout, title, elapsed(started))}\n`)
        return result
      } catch (error) {
        stream.write(`${line(layout, title, `failed after ${elapsed(started)}`)}\n`)
        throw error
      }
    },
    cached: () => {},
    note: (text) => void stream.write(`${shownInColour(text)}\n`),
  }
}

function line({ prefix = '', width }: Layout, title: string, text: string): string {
  const name = shown(title)
  return width === undefined ? `${prefix}${name}: ${text}` : `${prefix}${name.padEnd(width)}  ${text}`
}

function elapsed(started: number): string {
  return formatMilliseconds(performance.now() - started)
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
    cached: (title) => progress.cached(title),
    note: (text) => progress.note(text),
    warn: (text) => warn(progress, text),
  }
}

export interface RecordedStep {
  title: string
  /** Whether there was nothing to do. */
  cached: boolean
  ms: number
}

/** Passes on to `progress`, and keeps what each step took. */
export function recorded(progress: Progress, steps: RecordedStep[]): Progress {
  return {
    async step(title, work) {
      const started = performance.now()
      const result = await progress.step(title, work)
      steps.push({ title, cached: false, ms: Math.round(performance.now() - started) })
      return result
    },
    cached(title) {
      steps.push({ title, cached: true, ms: 0 })
      progress.cached(title)
    },
    note: (text) => progress.note(text),
    warn: (text) => warn(progress, text),
  }
}
