import { MayflyError } from '../errors.js'

export type VmState = 'booting' | 'running' | 'suspended' | 'stopped' | 'crashed' | 'destroyed'

/** What to do about each. */
export const HINTS: Partial<Record<VmState, string>> = {
  booting: 'Wait for what starts it: reboot(), start() or restore().',
  suspended: 'Call resume() first.',
  stopped: 'Call start() first.',
  crashed: 'Call start() to power it on again.',
  destroyed: 'It is gone; was a promise not awaited before the test ended?',
}

/** A machine named `name` cannot do `what` as it is. */
export function wrongState(name: string, state: VmState, what: string, details: readonly string[]): MayflyError {
  return new MayflyError('MAYFLY_VM_STATE', `cannot ${what}: ${name} is ${state}`, { details, hint: HINTS[state] })
}

/** A machine named `name` went down by `command`, and did not come up again. */
export function notReady(name: string, command: string, limitMs: number, console: readonly string[]): MayflyError {
  return new MayflyError('MAYFLY_WAIT_TIMEOUT', `${name} was not ready again ${limitMs} ms after ${command}`, {
    details: console.map((line) => `console: ${line}`),
  })
}

/** A machine named `name` did not go down by `command`. */
export function stillUp(name: string, command: string, limitMs: number, console: readonly string[]): MayflyError {
  return new MayflyError('MAYFLY_WAIT_TIMEOUT', `${name} was still up ${limitMs} ms after ${command}`, {
    details: console.map((line) => `console: ${line}`),
  })
}
