import { findMachine } from '../machines/find.js'
import type { LockedOptions } from '../machines/lock.js'
import { resumeMachine, suspendMachine } from '../machines/pause.js'
import type { Machine } from '../machines/record.js'
import type { ActionContext } from './action.js'
import { shownProgress } from './shown-progress.js'
import { print, printJson } from './streams.js'

interface PauseOptions {
  json?: boolean
}

/** `mayfly suspend` */
export function suspend(context: ActionContext, options: PauseOptions, names: string[]): Promise<number> {
  return forEach(context, options, names, suspendMachine, 'suspended', ['is suspended', 'was suspended already'])
}

/** `mayfly resume` */
export function resume(context: ActionContext, options: PauseOptions, names: string[]): Promise<number> {
  return forEach(context, options, names, resumeMachine, 'resumed', ['goes on', 'was not suspended'])
}

async function forEach(
  { signal }: ActionContext,
  { json }: PauseOptions,
  names: string[],
  work: (machine: Machine, options: LockedOptions) => Promise<boolean>,
  key: string,
  [done, nothing]: [string, string],
): Promise<number> {
  const progress = shownProgress()
  const machines = await Promise.all(names.map((name) => findMachine(name)))
  const results: { name: string; changed: boolean }[] = []
  for (const machine of machines) {
    const { name } = machine
    const onWait = () => progress.note(`another command is at work on ${name}; waiting for it`)
    const changed = await work(machine, { signal, onWait })
    results.push({ name, changed })
    if (!json) await print(`${name} ${changed ? done : nothing}`)
  }
  if (json) await printJson(results.map(({ name, changed }) => ({ name, [key]: changed })))
  return 0
}
