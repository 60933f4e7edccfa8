import { resolve } from 'node:path'
import { destroyMachine } from '../machines/destroy.js'
import { isPowerCut, stopMachine } from '../machines/stop.js'
import type { ActionContext } from './action.js'
import { EXIT } from './exit.js'
import { ownMachine } from './own-machine.js'
import { sideBySide } from './side-by-side.js'
import { machinesMeant, type VmFileOptions } from './vmfile-argument.js'

const HOW = {
  off: 'was stopped already',
  asked: 'stopped',
  quit: 'stopped: it did not power itself off in time, and QEMU was made to quit',
  killed: 'stopped: it did not power itself off in time, and QEMU was killed',
}

/** `mayfly down` */
export async function down(
  context: ActionContext,
  options: VmFileOptions & { destroy?: boolean; timeout?: number },
  args: string[],
): Promise<number> {
  const { path, machines } = machinesMeant(options, args)
  const names = machines.map(({ name }) => name)
  const { signal } = context
  return await sideBySide(context, names, options, async (name, { progress, did, exitWith }) => {
    const machine = await ownMachine(name, resolve(path))
    if (!machine) did('is not there')
    else if (options.destroy) {
      await progress.step(`destroy ${name}`, () => destroyMachine(machine, { signal }))
      did('destroyed')
    } else {
      const stopping = () => stopMachine(machine, { timeout: options.timeout, signal })
      const stopped = await progress.step(`stop ${name}`, stopping)
      did(HOW[stopped])
      if (isPowerCut(stopped, options.timeout)) exitWith(EXIT.powerCut)
    }
  })
}
