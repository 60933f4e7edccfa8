import { findMachine } from '../machines/find.js'
import { lookAt } from '../machines/look.js'
import { startMachine } from '../machines/start.js'
import type { ActionContext } from './action.js'
import { factsOf, type MachineFacts } from './machine-facts.js'
import { shownProgress } from './shown-progress.js'
import { print, printJson } from './streams.js'

export interface StartOptions {
  wait?: boolean
  provision?: boolean
  /** In ms. */
  timeout?: number
  verbose?: boolean
  json?: boolean
}

/** `mayfly start` */
export async function start({ signal }: ActionContext, options: StartOptions, names: string[]): Promise<number> {
  const { wait, provision, timeout: bootTimeout, verbose, json } = options
  const progress = shownProgress(verbose)
  // All are found before the first is started: a typing error is not told minutes later.
  const machines = await Promise.all(names.map((name) => findMachine(name)))
  const facts: MachineFacts[] = []
  for (const machine of machines) {
    const { name } = machine
    const onWait = () => progress.note(`another command is at work on ${name}; waiting for it`)
    const before = await lookAt(machine)
    const started = await startMachine(machine, { progress, signal, onWait, wait, provision, bootTimeout })
    const now = await factsOf(started)
    facts.push(now)
    if (!json) await print(before.state === 'stopped' ? describeRunning(now) : `${name} is ${now.state} already`)
  }
  if (json) await printJson(facts)
  return 0
}

/** One line on a machine that was started. */
export function describeRunning({ name, state, ssh }: MachineFacts): string {
  return `${name} ${state === 'starting' ? 'starts' : 'runs'}${ssh ? `; mayfly ssh ${name} logs in (${ssh.host}:${ssh.port})` : ''}`
}
