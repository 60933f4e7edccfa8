import { open } from 'node:fs/promises'
import { stripVTControlCharacters } from 'node:util'
import { messageOf } from '../errors.js'
import type { AcceleratorKind } from '../host/accelerator.js'
import type { Wreck } from '../snapshot/wreck.js'
import { formatBytes, MIB } from '../units.js'
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

/** What is read of a console's log: more of it is a guest that prints in a loop. */
const MOST_CONSOLE = 8 * MIB

/** What a machine has printed on its console from byte `from` on, the end of it if it is long: its file goes with the machine. */
export async function consoleOf(vm: Vm, from = 0): Promise<string> {
  const read = await endOf(vm.console.logPath, from).catch(() => undefined)
  return plainText(read ?? vm.console.text())
}

async function endOf(path: string, from: number): Promise<string> {
  await using file = await open(path)
  const { size } = await file.stat()
  const start = Math.max(from, size - MOST_CONSOLE)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - start)), 0, undefined, start)
  const cut = start > from ? `[${formatBytes(start - from)} before this are left out]\n` : ''
  return `${cut}${buffer.subarray(0, bytesRead).toString()}`
}

export function plainText(console: string): string {
  return stripVTControlCharacters(console).replaceAll(/\r+\n/g, '\n')
}
