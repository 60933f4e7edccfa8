import { readFile } from 'node:fs/promises'
import { stripVTControlCharacters } from 'node:util'
import { messageOf } from '../errors.js'
import type { AcceleratorKind } from '../host/accelerator.js'
import type { Wreck } from '../snapshot/wreck.js'
import type { Vm } from '../vm/vm.js'
import type { Finding, VmHistory } from './test-record.js'

/** A machine of a test. */
export interface TestMachine {
  /** The name of its fixture; a fork's has a number. */
  name: string
  vm: Vm
}

/** One that did not come up for it. */
export interface LostMachine {
  name: string
  guest: string
  accelerator: AcceleratorKind
  error: unknown
  wreck: Wreck | undefined
}

/** The time of a test, in milliseconds since the epoch. */
export interface TestTime {
  startedAt: number
  endedAt: number
}

/** What it did during the test. What is done after that is the evidence's own; what happens by itself may still explain the failure. */
export function historyOf(
  { name, vm }: TestMachine,
  { startedAt, endedAt }: TestTime,
  findings: readonly Finding[],
): VmHistory {
  const { id, guest, accelerator, state, timings } = vm
  const timeline = vm.timeline.entries.filter(({ kind, at, durationMs = Number.POSITIVE_INFINITY }) => {
    return at + durationMs >= startedAt && (at <= endedAt || kind === 'note' || kind === 'console')
  })
  return { id, name, guest: guest.name, accelerator, state, timings, timeline, findings }
}

export function historyOfLost({ name, guest, accelerator, error, wreck }: LostMachine, at: number): VmHistory {
  const timings = { prepare: 0, spawn: 0, load: 0, connect: 0, fixup: 0, pooled: false }
  const message = messageOf(error)
  const timeline = [
    ...(wreck?.console ? [{ kind: 'console' as const, at, title: wreck.console }] : []),
    { kind: 'note' as const, at, title: `it did not come up: ${message}`, failed: true },
  ]
  return { id: wreck?.id ?? name, name, guest, accelerator, state: 'crashed', timings, timeline, findings: [] }
}

/** What a machine has printed on its console from byte `from` on: the whole of it is in a file, which goes with the machine. */
export async function consoleOf(vm: Vm, from = 0): Promise<string> {
  const whole = await readFile(vm.console.logPath).catch(() => undefined)
  return plainText(whole ? whole.subarray(from).toString() : vm.console.text())
}

export function plainText(console: string): string {
  return stripVTControlCharacters(console).replaceAll(/\r+\n/g, '\n')
}
