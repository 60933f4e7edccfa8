import { join } from 'node:path'
import { dataDirectory } from '../machines/data-directory.js'
import { destroyMachine } from '../machines/destroy.js'
import { findMachine, machineNames } from '../machines/find.js'
import { namesMeant } from '../machines/name.js'
import { isPowerCut, type Stopped, stopMachine } from '../machines/stop.js'
import type { ActionContext } from './action.js'
import { EXIT } from './exit.js'
import { shownProgress } from './shown-progress.js'
import { print, printJson } from './streams.js'

export interface StopOptions {
  /** In ms. */
  timeout?: number
  json?: boolean
}

const SAID: Record<Stopped, string> = {
  off: 'was off already',
  asked: 'has powered off',
  quit: 'did not power off in time: its power was cut',
  killed: 'did not answer: its QEMU was killed',
}

/** `mayfly stop` */
export async function stop(
  { signal }: ActionContext,
  { timeout, json }: StopOptions,
  names: string[],
): Promise<number> {
  const progress = shownProgress()
  const machines = await Promise.all(names.map((name) => findMachine(name)))
  const results = await Promise.all(
    machines.map(async (machine) => {
      const { name } = machine
      const onWait = () => progress.note(`another command is at work on ${name}; waiting for it`)
      return { name, stopped: await stopMachine(machine, { timeout, signal, onWait }) }
    }),
  )
  if (json) await printJson(results)
  else for (const { name, stopped } of results) await print(`${name} ${SAID[stopped]}`)
  return results.some(({ stopped }) => isPowerCut(stopped, timeout)) ? EXIT.powerCut : 0
}

/** `mayfly destroy` */
export async function destroy({ signal }: ActionContext, { json }: StopOptions, names: string[]): Promise<number> {
  const progress = shownProgress()
  const machines = await Promise.all(names.map(toDestroy))
  for (const machine of machines) {
    const onWait = () => progress.note(`another command is at work on ${machine.name}; waiting for it`)
    await progress.step(`destroy ${machine.name}`, () => destroyMachine(machine, { signal, onWait }))
    if (!json) await print(`destroyed ${machine.name}`)
  }
  if (json) await printJson(machines.map(({ name }) => ({ name, destroyed: true })))
  return 0
}

/** Also one whose record cannot be read. */
async function toDestroy(typed: string): Promise<{ name: string; directory: string }> {
  const [name, ...more] = namesMeant(typed, await machineNames())
  if (name !== undefined && more.length === 0) return { name, directory: join(dataDirectory().machines, name) }
  return await findMachine(typed)
}
