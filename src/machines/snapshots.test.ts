import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { qemuImg } from '../image/overlay.js'
import { nodeName } from '../qemu/argv.js'
import { DISK, FILES } from '../snapshot/machine.js'
import { createMachine } from './create.js'
import { lookAt } from './look.js'
import { openMonitor } from './monitor.js'
import { suspendMachine } from './pause.js'
import type { Machine } from './record.js'
import { createSnapshot, listSnapshots, removeSnapshot, restoreSnapshot } from './snapshots.js'
import { startMachine } from './start.js'
import { stopMachine } from './stop.js'
import { haltingGuest } from './testing/halting-guest.js'
import { type PrivateData, privateData } from './testing/private-data.js'

let place: PrivateData
let machine: Machine
beforeEach(async () => {
  place = await privateData()
  machine = await createMachine(await haltingGuest(place.root), 'web', place)
})
afterEach(() => place[Symbol.asyncDispose]())

const names = async () => (await listSnapshots(machine)).map(({ name }) => name)

test('of a machine that runs: memory as well, and it goes on as it did before', async () => {
  await startMachine(machine, { ...place, wait: false })
  expect(await createSnapshot(machine, 'first', place)).toMatchObject({
    name: 'first',
    memoryBytes: expect.any(Number),
  })
  expect((await listSnapshots(machine))[0]!.memoryBytes).toBeGreaterThan(0)
  await createSnapshot(machine, 'second', place)
  expect(await names()).toEqual(['first', 'second'])
  await expect(createSnapshot(machine, 'first', place)).rejects.toThrow('web has a snapshot first already')
  expect((await restoreSnapshot(machine, 'fi', place)).name).toBe('first')
  expect((await lookAt(await startMachine(machine, { ...place, wait: false }))).state).toBe('starting')
  await suspendMachine(machine, place)
  await restoreSnapshot(machine, 'second', place)
  expect((await lookAt(await startMachine(machine, place))).state).toBe('suspended')
  await removeSnapshot(machine, 'first', place)
  expect(await names()).toEqual(['second'])
  await expect(restoreSnapshot(machine, 'secnod', place)).rejects.toThrow('Did you mean second?')
})

test('of a machine that is off: its disk, which a running one cannot be put back to', async () => {
  const disk = join(machine.directory, FILES.disk)
  await expect(restoreSnapshot(machine, 'clean', place)).rejects.toThrow('web has no snapshots')
  expect(await createSnapshot(machine, 'clean', place)).toMatchObject({ name: 'clean', memoryBytes: 0 })
  await qemuImg(['resize', '-q', '-f', 'qcow2', disk, '128M'])
  await restoreSnapshot(machine, 'clean', place)
  expect(JSON.parse(await qemuImg(['info', '--output=json', disk]))['virtual-size']).toBe(64 * 2 ** 20)
  await startMachine(machine, { ...place, wait: false })
  await expect(restoreSnapshot(machine, 'clean', place)).rejects.toThrow('has a disk and no memory, and web runs')
  // One with memory can be put back to when the machine is off.
  await createSnapshot(machine, 'live', place)
  await stopMachine(machine, { ...place, timeout: 0 })
  await restoreSnapshot(machine, 'live', place)
  await removeSnapshot(machine, 'live', place)
  expect(await names()).toEqual(['clean'])
})

test('names are words: a number may be what QEMU calls another one', async () => {
  for (const name of ['a b', '1']) {
    await expect(createSnapshot(machine, name, place)).rejects.toThrow(`not a name for a snapshot: "${name}"`)
  }
  await createSnapshot(machine, '1.0', place)
  expect(await names()).toEqual(['1.0'])
})

test('one that was being made when its command was killed is in nobody’s way', async () => {
  const { record } = await startMachine(machine, { ...place, wait: false })
  {
    await using monitor = await openMonitor(record.run!, 'qmp', AbortSignal.timeout(10_000))
    const devices = [nodeName(DISK, 0)]
    const job = { 'job-id': 'mayfly-snapshot-save', tag: 'killed', vmstate: devices[0]!, devices }
    await monitor.qmp.execute('snapshot-save', job)
  }
  expect((await createSnapshot(machine, 'next', place)).name).toBe('next')
})
