import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DataStep } from '../guest/steps.js'
import { createMachine } from './create.js'
import { machineNamed } from './find.js'
import { type Machine, writeRecord } from './record.js'
import { takeSteps } from './take-steps.js'
import { haltingGuest } from './testing/halting-guest.js'
import { type PrivateData, privateData } from './testing/private-data.js'

const STEPS: DataStep[] = [{ kind: 'shell', script: 'true' }]

let place: PrivateData
let machine: Machine
beforeEach(async () => {
  place = await privateData()
  vi.stubEnv('MAYFLY_DATA_DIR', place.env.MAYFLY_DATA_DIR)
  machine = await createMachine(await haltingGuest(place.root), 'web', place)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await place[Symbol.asyncDispose]()
})

test('a machine that does not run takes no steps, and is as it was', async () => {
  const before = await writeRecord(machine.directory, { ...machine.record, provisionedAt: '2026-01-01T00:00:00.000Z' })
  await expect(takeSteps(machine, STEPS, place)).rejects.toThrow('web is stopped')
  expect((await machineNamed('web', place.data))!.record).toEqual(before.record)
})

test('nor does one whose start came to nothing, at once', async () => {
  const run = { startedAt: '2026-01-01T00:00:00.000Z', sockets: machine.directory, card: { mode: 'user' as const } }
  await writeRecord(machine.directory, { ...machine.record, run })
  await expect(takeSteps(machine, STEPS, place)).rejects.toThrow('web is stopped')
})
