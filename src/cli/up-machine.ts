import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { DataStep } from '../guest/steps.js'
import { memoryBudget } from '../host/memory.js'
import { createMachine } from '../machines/create.js'
import { whileBringingUp } from '../machines/lock.js'
import { lookAt } from '../machines/look.js'
import { resumeMachine } from '../machines/pause.js'
import type { Machine } from '../machines/record.js'
import { serveScreen } from '../machines/serve-screen.js'
import { startMachine } from '../machines/start.js'
import { takeSteps } from '../machines/take-steps.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { ownMachine } from './own-machine.js'
import type { Telling } from './side-by-side.js'
import type { Wanted } from './vmfile-argument.js'

export interface UpContext extends ActionContext {
  vmfile: string
  provision: boolean
  room: Room
}

/** What is left of the host's memory budget for machines that this command starts. */
class Room {
  #bytes = memoryBudget()

  /** @throws MayflyError MAYFLY_HOST_MEMORY. */
  take({ memoryBytes }: Guest): void {
    if (memoryBytes > this.#bytes) {
      const left = `it wants ${formatBytes(memoryBytes)} of memory, and ${formatBytes(Math.max(0, this.#bytes))} are left`
      throw new MayflyError('MAYFLY_HOST_MEMORY', left, {
        hint: 'Give the machines less memory, bring up fewer of them, or raise MAYFLY_MEMORY_BUDGET.',
      })
    }
    this.#bytes -= memoryBytes
  }
}

/** What the machines of the VMFile at `path` are brought up with. */
export function upContext(context: ActionContext, path: string, provision: boolean): UpContext {
  return { ...context, vmfile: resolve(path), provision, room: new Room() }
}

/** Makes a machine run and be as its VMFile says, from whatever state it is in. */
export function bringUp(context: UpContext, wanted: Wanted, telling: Telling): Promise<void> {
  const { name } = wanted.guest
  const onWait = () => telling.progress.note(`another command is bringing up ${name}; waiting for it`)
  return whileBringingUp(name, { onWait, signal: context.signal }, () => converge(context, wanted, telling))
}

async function converge(
  { vmfile, provision, room, signal, cacheDir }: UpContext,
  { guest, vnc }: Wanted,
  { progress, onLine, did }: Telling,
): Promise<void> {
  const options = { progress, signal }
  let machine = await ownMachine(guest.name, vmfile)
  const changed = machine !== undefined && !isSame(machine.record.guest, guest)
  const state = machine && (await lookAt(machine)).state
  if (!state || state === 'stopped') room.take(guest)
  if (!machine) {
    machine = await createMachine(guest, guest.name, { ...options, cacheDir, vmfile })
    did('created')
  }
  if (state === 'suspended') {
    await resumeMachine(machine, { signal })
    did('resumed')
  } else if (state !== 'running') {
    machine = await startMachine(machine, { ...options, provision: false })
    did('started')
  }
  const started = state !== 'running' && state !== 'suspended'
  if (vnc && started) {
    const screen = await serveScreen(machine, vnc, { signal })
    did(`screen at 127.0.0.1:${screen.port}${vnc.password ? '' : ` (password ${screen.password})`}`)
  }
  // One that runs is left alone, unless what was done in it did not come to its end.
  if (provision && guest.provision.length > 0 && (started || machine.record.provisionedAt === undefined)) {
    await takeSteps(machine, stepsOf(guest), { progress, onLine, signal })
    did('provisioned')
  } else if (state === 'running') did('runs already')
  if (changed) did(`as it was made: the VMFile says something else by now (mayfly reload ${guest.name})`)
}

/** VMFiles have no code in them. */
export function stepsOf({ provision }: Guest): DataStep[] {
  return provision.filter((step) => step.kind !== 'setup')
}

/** But for what is done in it: that is done again when it is asked for. */
function isSame(made: Machine['record']['guest'], wanted: Guest): boolean {
  const plain = (guest: Guest): unknown => JSON.parse(JSON.stringify({ ...guest, provision: [] }))
  return isDeepStrictEqual(plain(made), plain(wanted))
}
