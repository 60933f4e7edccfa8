import { readdir, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { messageOf } from '../errors.js'
import { AbortSignal } from '../node-globals.js'
import { shownJson } from '../shown-text.js'
import { publishBundle, writeInto } from './bundle.js'
import { commandsText } from './commands-text.js'
import { type FailedUnit, GUEST_FILES, lookIntoGuest } from './guest-look.js'
import { hostText } from './host-text.js'
import { consoleOf, historyOf, type LostMachine, plainText, type TestMachine } from './machine.js'
import { qemuText } from './qemu-text.js'
import { screenOf } from './screen.js'
import { SUMMARY, summaryText } from './summary.js'
import { recordOf, type TestOutcome } from './test-outcome.js'
import type { EvidenceFolder, TestRecord } from './test-record.js'

/**
 * For all guests and their QEMUs together. What else there is takes some tens of ms, so that a failed test costs less than
 * 2 s more; a machine that is kept costs what copying it takes.
 */
const ANSWER_MS = 1800

/** Its name in a bundle. */
export const RECORD = 'record.json'
/** The folder of a machine that is kept, below that of the machine. */
export const KEPT = 'machine'

export interface CollectOptions {
  /** Absolute; replaced if it is there. */
  directory: string
  /** Freezes a machine into a directory, and tells how many bytes it takes. */
  keep?: ((machine: TestMachine, directory: string) => Promise<number>) | undefined
}

export interface Evidence {
  folder: EvidenceFolder
  record: TestRecord
  /** Bytes by the machines that can be opened again. */
  kept: ReadonlyMap<string, number>
  failedUnits: readonly FailedUnitOf[]
}

/** A failed unit of a machine. */
export interface FailedUnitOf extends FailedUnit {
  vm: string
}

/** Writes the folder of a failed test while its machines are there: whole, or not at all. */
export async function collectEvidence(test: TestOutcome, { directory, keep }: CollectOptions): Promise<Evidence> {
  let evidence: Evidence | undefined
  await publishBundle(directory, async (staging) => {
    const missing: string[] = []
    const kept = new Map<string, number>()
    // Before anything else touches the guests.
    for (const machine of keep ? test.machines : []) {
      const directory = join(staging, machine.name, KEPT)
      try {
        kept.set(machine.name, await keep!(machine, directory))
      } catch (error) {
        // Half a machine is of no use, and has the guest's secrets.
        await rm(directory, { recursive: true, force: true })
        missing.push(`${machine.name}: the machine could not be kept: ${messageOf(error).split('\n')[0]}`)
      }
    }
    const collected = await collectFiles(test, staging)
    missing.push(...collected.missing)
    const { failedUnits } = collected
    const files = [...(await filesBelow(staging)), SUMMARY, RECORD].sort((a, b) => a.localeCompare(b))
    const folder = { directory, files }
    const record = { ...recordOf(test), evidence: folder }
    const verdict = test.judge()
    await writeInto(
      staging,
      SUMMARY,
      summaryText({ test, verdict, vms: record.vms, folder, missing, kept, failedUnits }),
    )
    await writeInto(staging, RECORD, shownJson(record))
    evidence = { folder, record, kept, failedUnits }
  })
  return evidence!
}

/** @returns what is not there and why, one line each; and the units that have failed. */
async function collectFiles(
  test: TestOutcome,
  staging: string,
): Promise<{ missing: string[]; failedUnits: FailedUnitOf[] }> {
  const signal = AbortSignal.timeout(ANSWER_MS)
  const missing: string[] = []
  const failedUnits: FailedUnitOf[] = []
  const put = async (name: string, content: () => Promise<string | Uint8Array | undefined>) => {
    try {
      const got = await content()
      if (got !== undefined) await writeInto(staging, name, got)
    } catch (error) {
      missing.push(`${name}: ${messageOf(error).split('\n')[0]}`)
    }
  }
  const ofMachine = async ({ name, vm }: TestMachine) => {
    const { qemu } = vm.life.running
    const entries = historyOf({ name, vm }, test, []).timeline
    await Promise.all([
      put(`${name}/console.log`, async () => orNothing(await consoleOf(vm))),
      put(`${name}/commands.txt`, async () => commandsText(entries, test.startedAt)),
      put(`${name}/qemu.txt`, () => qemuText(qemu, vm.life.hostPorts, signal)),
      put(`${name}/screenshot.png`, () => screenOf(vm, ANSWER_MS)),
      lookIntoGuest(vm, signal).then(async ({ files, failedUnits: units, missing: unanswered }) => {
        failedUnits.push(...units.map((unit) => ({ vm: name, ...unit })))
        missing.push(...unanswered.map((line) => `${name}: ${line}`))
        for (const file of Object.keys(GUEST_FILES) as (keyof typeof GUEST_FILES)[]) {
          const text = files.get(file)
          if (text !== undefined) await put(`${name}/${file}`, async () => text)
        }
      }),
    ])
  }
  const ofLost = async ({ name, wreck }: LostMachine) => {
    if (!wreck) return
    const { qemu } = wreck
    await put(`${name}/console.log`, async () => orNothing(plainText(wreck.console)))
    if (qemu) await put(`${name}/qemu.txt`, () => qemuText(qemu, new Map(), signal))
  }
  const [first] = test.machines
  const pids = test.machines.map(({ vm }) => vm.life.running.qemu.pid)
  await Promise.all([
    ...test.machines.map(ofMachine),
    ...test.lost.map(ofLost),
    put('host.txt', () => hostText(first?.vm.clone.prepared.harness, pids)),
  ])
  return { missing: missing.sort((a, b) => a.localeCompare(b)), failedUnits }
}

function orNothing(console: string): string {
  return console === '' ? '(it has printed nothing since it was resumed)\n' : console
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
}
