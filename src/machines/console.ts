import type { Socket } from 'node:net'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { acquireLock } from '../image/lock.js'
import { AbortController, AbortSignal } from '../node-globals.js'
import { notRunning } from './connect.js'
import { lookAt } from './look.js'
import { openSocket } from './monitor.js'
import type { Machine } from './record.js'

const ANSWER_MS = 5000

/** The console of a running machine: what is written is typed, what is read is shown from now on; it ends with the machine. */
export interface MachineConsole extends AsyncDisposable {
  stream: Socket
}

/**
 * Takes the console of a machine, which has one keyboard.
 * @throws MayflyError MAYFLY_VM_STATE when the machine does not run, or somebody else has its console.
 */
export async function openConsole(machine: Machine): Promise<MachineConsole> {
  const { name, directory, record } = machine
  const { state, note } = await lookAt(machine)
  if (state === 'stopped') throw notRunning(name, state, note)
  const taken = new AbortController()
  const lock = await acquireLock(join(directory, 'console.lock'), {
    onWait: () => taken.abort(),
    signal: taken.signal,
  }).catch((error) => {
    if (!taken.signal.aborted) throw error
    throw new MayflyError('MAYFLY_VM_STATE', `somebody is at the console of ${name} already`, {
      hint: `What it says can be followed all the same: mayfly log ${name} --console --follow`,
    })
  })
  try {
    const stream = await openSocket(record.run!, 'console', AbortSignal.timeout(ANSWER_MS))
    return {
      stream,
      async [Symbol.asyncDispose]() {
        stream.destroy()
        await lock[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await lock[Symbol.asyncDispose]()
    throw error
  }
}
