import { within } from '../deadline.js'
import { MayflyError } from '../errors.js'
import { Agent } from '../guest/agent.js'
import { AbortSignal } from '../node-globals.js'
import { notRunning } from './connect.js'
import { type LockedOptions, withMachine } from './lock.js'
import { lookAt } from './look.js'
import { type Monitor, openMonitor, openSocket } from './monitor.js'
import type { Machine } from './record.js'

const ANSWER_MS = 10_000

/** Stops the vCPUs of a machine; its memory stays. @returns false if they stood still already. */
export function suspendMachine(machine: Machine, options: LockedOptions = {}): Promise<boolean> {
  return withMonitor(machine, options, async ({ qmp }, { state }) => {
    if (state === 'suspended') return false
    await qmp.execute('stop')
    return true
  })
}

/** Lets a suspended machine go on, with the host's time if the guest has an agent. @returns false if it was not suspended. */
export function resumeMachine(machine: Machine, options: LockedOptions = {}): Promise<boolean> {
  return withMonitor(machine, options, async ({ qmp }, { state }) => {
    if (state !== 'suspended') return false
    await qmp.execute('cont')
    await setClock(machine)
    return true
  })
}

/** Runs `work` with the monitor of a machine that runs. @throws MayflyError MAYFLY_VM_STATE when it does not. */
export function withMonitor<T>(
  machine: Machine,
  options: LockedOptions,
  work: (monitor: Monitor, looked: Awaited<ReturnType<typeof lookAt>>, machine: Machine) => Promise<T>,
): Promise<T> {
  return withMachine(machine, options, async (settled) => {
    const looked = await lookAt(settled)
    if (looked.state === 'stopped') throw notRunning(settled.name, looked.state, looked.note)
    await using monitor = await openMonitor(settled.record.run!, 'qmp', AbortSignal.timeout(ANSWER_MS))
    return await work(monitor, looked, settled)
  })
}

/** A guest that has stood still, or is put back, has an old time. One without an agent has to find that out by itself. */
export async function setClock({ name, record: { agent, run } }: Machine): Promise<void> {
  if (!agent) return
  const socket = await openSocket(run!, 'agent', AbortSignal.timeout(ANSWER_MS))
  try {
    await within(new Agent(socket, true).fixup(), ANSWER_MS, () => {
      return new MayflyError('MAYFLY_WAIT_TIMEOUT', `the agent of ${name} did not set its clock within ${ANSWER_MS} ms`)
    })
  } finally {
    socket.destroy()
  }
}
