import { availableParallelism } from 'node:os'
import { MayflyError } from '../errors.js'
import { type Progress, silent } from '../host/progress.js'
import { machineNamed } from '../machines/find.js'
import { lookAt } from '../machines/look.js'
import { performance } from '../node-globals.js'
import { formatMilliseconds } from '../units.js'
import type { ActionContext } from './action.js'
import { EXIT } from './exit.js'
import { delayed, linesOn, progressOn } from './progress.js'
import { printError } from './report-error.js'
import { print, printJson, writerOf } from './streams.js'
import { style } from './style.js'
import { table } from './table.js'

/** What the work on one machine tells about itself. */
export interface Telling {
  progress: Progress
  /** A line that something in the guest has printed. */
  onLine: (line: string) => void
  /** What has been done, in words; also of what then fails. */
  did: (what: string) => void
  /** Asks for an exit status, though nothing has failed. */
  exitWith: (status: number) => void
}

interface Outcome {
  name: string
  /** What was done, in words. */
  did: readonly string[]
  ms: number
  /** The exit status that its work asks for. */
  status: number
  error?: unknown
}

/** Shorter steps need no explanation. */
const QUIET_MS = 500
/** Boots that wait for each other's processors take too long for all. */
const AT_ONCE = Math.max(2, availableParallelism())

/**
 * Works on several machines at once, and says of each what came of it: that one fails does not keep the others from it.
 * @returns the exit status: 1 if the work on a machine failed, or else the highest that `work` asked for.
 */
export async function sideBySide(
  { signal }: ActionContext,
  names: readonly string[],
  { json = false }: { json?: boolean },
  work: (name: string, telling: Telling) => Promise<void>,
): Promise<number> {
  const outcomes = new Map<string, Outcome>()
  const waiting = names.values()
  const write = writerOf(json ? process.stderr : process.stdout)
  const several = names.length > 1
  const worker = async () => {
    for (const name of waiting) {
      const started = performance.now()
      const did: string[] = []
      let status = 0
      const telling: Telling = {
        progress: progressOf(name, several),
        onLine: (line) => void write(`${several ? `${style('dim', `${name} |`)} ` : ''}${line}\n`),
        did: (what) => did.push(what),
        exitWith: (wanted) => {
          status = wanted
        },
      }
      const error = await work(name, telling).then(
        () => undefined,
        (thrown: unknown) => thrown ?? new Error('unknown'),
      )
      outcomes.set(name, { name, did, ms: Math.round(performance.now() - started), status, error })
      if (signal.aborted) return
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  signal.throwIfAborted()
  const inOrder = names.map((name) => outcomes.get(name)!)
  await (json ? printJson(await Promise.all(inOrder.map(asJson))) : print(table(inOrder.map(asRow))))
  for (const { name, error } of inOrder) if (error !== undefined) printError(error, process.stderr, name)
  if (inOrder.some(({ error }) => error !== undefined)) return EXIT.unfit
  return Math.max(0, ...inOrder.map(({ status }) => status))
}

/** On a terminal only; one line for each step where several machines have some at once. */
function progressOf(name: string, several: boolean): Progress {
  const { stderr } = process
  if (!stderr.isTTY) return silent
  return delayed(several ? linesOn(stderr, `${name}: `) : progressOn(stderr), QUIET_MS)
}

function asRow({ name, did, ms, error }: Outcome): string[] {
  const words = error === undefined ? did : [...did, style('red', 'failed')]
  return [style('bold', name), words.join(', '), ms < QUIET_MS ? '' : formatMilliseconds(ms)]
}

async function asJson({ name, did, ms, error }: Outcome): Promise<unknown> {
  const machine = await machineNamed(name).catch(() => undefined)
  return {
    name,
    state: machine ? (await lookAt(machine)).state : null,
    did,
    ms,
    ...(error === undefined ? {} : { error: told(error) }),
  }
}

function told(error: unknown): unknown {
  if (!(error instanceof MayflyError)) return { message: String(error) }
  const { code, shortMessage, details, hint } = error
  return { code, message: shortMessage, details, hint }
}
