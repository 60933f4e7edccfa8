import { within } from '../deadline.js'
import { MayflyError, messageOf } from '../errors.js'
import { killAndWait } from '../host/process-table.js'
import { AbortSignal, clearInterval, Date, delay, setInterval } from '../node-globals.js'
import { type Duration, formatMilliseconds, toMilliseconds } from '../units.js'
import { type LockedOptions, withMachine } from './lock.js'
import { isRunning, lookAt, processesOf } from './look.js'
import { type Monitor, openMonitor } from './monitor.js'
import { type Machine, writeRecord } from './record.js'

export interface StopOptions extends LockedOptions {
  /** How long the guest may take to power off, in ms or as '30s'; 0 does not ask it. Default 30 s. */
  timeout?: Duration | undefined
}

/** `off`: it did not run. `asked`: the guest powered itself off. `quit`, `killed`: it did not, and QEMU was ended. */
export type Stopped = 'off' | 'asked' | 'quit' | 'killed'

/** Whether the guest was asked to power off, and its power was cut because it did not. @param timeout 0 asks for the cut. */
export function isPowerCut(stopped: Stopped, timeout: Duration | undefined): boolean {
  return (stopped === 'quit' || stopped === 'killed') && timeout !== 0
}

/** A guest that boots has nobody yet who listens to the power button. */
const PRESS_AGAIN_MS = 3000
const QUIT_MS = 5000
const ANSWER_MS = 5000

/**
 * Powers a machine off: by its power button, as the guest would have it; when that takes too long, by ending QEMU.
 * @throws MayflyError MAYFLY_VM_STATE when it cannot be ended at all.
 */
export function stopMachine(machine: Machine, options: StopOptions = {}): Promise<Stopped> {
  const timeoutMs = toMilliseconds(options.timeout ?? 30_000, '--timeout')
  return withMachine(machine, options, async (settled) => {
    const { directory, record } = settled
    // How it came down by itself is worth keeping, until the next start.
    if (!(await isRunning(settled))) return 'off'
    const { stopped, how } = await end(settled, timeoutMs, options.signal)
    await writeRecord(directory, { ...record, ended: { how, at: new Date().toISOString() } })
    return stopped
  })
}

/** Ends whatever runs of a machine, at once. For whoever holds its lock. */
export async function killProcesses({ name, directory }: Pick<Machine, 'name' | 'directory'>): Promise<void> {
  const left = await killAndWait(await processesOf(directory), QUIT_MS)
  if (left.length === 0) return
  throw new MayflyError('MAYFLY_VM_STATE', `${name} cannot be ended`, {
    details: [`processes that survive SIGKILL: ${left.join(', ')}`],
    hint: 'Something of the host has them waiting: a disk, a file system.',
  })
}

async function end(
  machine: Machine,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<{ stopped: Stopped; how: string }> {
  const { run } = machine.record
  let refusal = 'it did not quit'
  try {
    await using monitor = await openMonitor(run!, 'qmp', AbortSignal.timeout(ANSWER_MS))
    if (await pressed(machine, monitor, timeoutMs, signal))
      return { stopped: 'asked', how: 'it was stopped: the guest powered itself off' }
    const waited = timeoutMs > 0 ? `did not power off within ${formatMilliseconds(timeoutMs)}` : 'was not asked'
    if (await quit(machine, monitor))
      return { stopped: 'quit', how: `it was stopped: the guest ${waited}, so that QEMU was made to quit` }
  } catch (error) {
    signal?.throwIfAborted()
    refusal = messageOf(error)
  }
  await killProcesses(machine)
  return { stopped: 'killed', how: `it was stopped: QEMU was killed (${refusal})` }
}

/** Whether the guest has powered itself off. */
async function pressed(
  machine: Machine,
  { qmp }: Monitor,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (timeoutMs === 0) return false
  // One that stands still hears nothing.
  if ((await lookAt(machine)).state === 'suspended') await qmp.execute('cont')
  const press = () => void qmp.execute('system_powerdown').catch(() => {})
  press()
  const again = setInterval(press, PRESS_AGAIN_MS)
  try {
    await within(Promise.race([goneFrom(machine, qmp), aborted(signal)]), timeoutMs, () => new Error('too late'))
    return true
  } catch {
    signal?.throwIfAborted()
    return false
  } finally {
    clearInterval(again)
  }
}

async function quit(machine: Machine, { qmp }: Monitor): Promise<boolean> {
  const gone = goneFrom(machine, qmp)
  // QEMU may be gone before its answer is.
  await qmp.execute('quit').catch(() => {})
  return await within(gone, QUIT_MS, () => new Error('too late')).then(
    () => true,
    () => false,
  )
}

/** Resolves when QEMU is gone, and the shell that has written down how: the monitor is closed a moment before. */
async function goneFrom({ directory }: Machine, qmp: Monitor['qmp']): Promise<void> {
  await qmp.nextEvent(() => false).catch(() => {})
  while ((await processesOf(directory)).length > 0) await delay(5)
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
