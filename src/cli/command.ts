import { type Command, InvalidArgumentError } from 'commander'
import { toMilliseconds } from '../units.js'
import type { ActionContext } from './action.js'

/** What a command does: gives the exit status. */
export type Act<Options> = (context: ActionContext, options: Options, args: string[]) => Promise<number>

/** A command below `parent`; what it does is imported when it is called, so that help is quick. */
export function command<Options extends object>(
  parent: Command,
  usage: string,
  load: () => Promise<Act<Options>>,
  { hidden = false } = {},
): Command {
  return parent
    .command(usage, { hidden })
    .helpOption('-h, --help', 'print help')
    .action(async (...values: unknown[]) => {
      const self = values.pop() as Command
      values.pop()
      const { act } = await import('./action.js')
      const { cacheDir, color, ...options } = self.optsWithGlobals() as { cacheDir?: string; color?: boolean } & Options
      // What we start is told as well.
      if (color === false) process.env.NO_COLOR = '1'
      const args = (values as (string | string[] | undefined)[]).flatMap((value) => value ?? [])
      await act(cacheDir, async (context) => (await load())(context, options as unknown as Options, args))
    })
}

/** For the end of a command's help. */
export function examples(...lines: string[]): string {
  return `\n${lines.length > 1 ? 'Examples' : 'Example'}:\n${lines.map((line) => `  $ ${line}\n`).join('')}`
}

/** Gathers the values of an option that may be given several times. */
export function append(value: string, before: string[] = []): string[] {
  return [...before, value]
}

/** A bare number stays one, so that it is counted in the unit of its place. */
export function numeric(value: string): string | number {
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : value
}

/** Milliseconds; a bare number counts seconds, as in other tools. */
export function duration(value: string): number {
  try {
    return toMilliseconds(/^\d+(\.\d+)?$/.test(value) ? `${value}s` : value)
  } catch {
    throw new InvalidArgumentError("--timeout is not a duration: give seconds, or such as '30s', '5m', '1h'.")
  }
}
