import { GuestAssertionError } from '../../errors.js'
import { AbortController, AbortSignal, clearTimeout, delay, setTimeout } from '../../node-globals.js'
import type { Running } from '../../snapshot/running.js'
import { formatMilliseconds } from '../../units.js'
import type { Commands } from '../commands.js'
import { comesBack, endOf } from './machine-end.js'
import { allow, type WaitOptions } from './until.js'

/** After a panic the kernel still prints what it was doing. */
const LAST_WORDS_MS = 500
const REBOOT_LOOK_MS = 20

/** The first match of `pattern` in what the console has shown, or shows, also after a reboot. */
export function consoleText(vm: Commands, pattern: RegExp | string, options: WaitOptions): Promise<string> {
  const allowed = allow(vm, options)
  const title = `console text ${pattern}`
  return vm.timeline.during('wait', title, async () => {
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), allowed.limitMs)
    try {
      for (;;) {
        const { running } = vm.life
        const found = await vm.life.watch(`waiting for ${title}`, () => shown(running, pattern, stop.signal))
        if (found !== undefined) return found
        await nextConsole(vm, running, title, stop.signal)
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error
      const { elapsedMs, limitMs, reason, hint } = allowed
      const gaveUp = `gave up after ${formatMilliseconds(elapsedMs)} of ${formatMilliseconds(limitMs)}; the Vm is ${vm.state}`
      throw new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', `${vm.name}: waited in vain for ${title}`, {
        details: [gaveUp, ...reason, ...consoleTail(vm)],
        hint,
      })
    } finally {
      clearTimeout(timer)
      stop.abort()
    }
  })
}

/** The match, or undefined if this QEMU has ended without one. */
async function shown({ qemu }: Running, pattern: RegExp | string, outer: AbortSignal): Promise<string | undefined> {
  const settled = new AbortController()
  const signal = AbortSignal.any([outer, settled.signal])
  const panicked = qemu.console.failOnPanic(signal).catch(async (error) => {
    await delay(LAST_WORDS_MS, undefined, { signal })
    throw error
  })
  const exited = qemu.exited.then(() => undefined)
  try {
    return await Promise.race([qemu.console.waitFor(pattern, signal), panicked, exited])
  } finally {
    settled.abort()
  }
}

/** Waits for the QEMU that takes the place of one that has ended. */
async function nextConsole(vm: Commands, last: Running, title: string, signal: AbortSignal): Promise<void> {
  if (!(await comesBack(vm, last))) throw await endOf(vm, last, `the wait for ${title}`)
  while (vm.life.running === last && vm.state === 'booting') await delay(REBOOT_LOOK_MS, undefined, { signal })
}

function consoleTail(vm: Commands): string[] {
  const lines = vm.life.running.qemu.console.tail(10)
  return lines.length === 0 ? ['the console has shown nothing'] : lines.map((line) => `console: ${line}`)
}
