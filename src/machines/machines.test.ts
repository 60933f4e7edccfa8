import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Guest } from '../guest/spec.js'
import { killAndWait } from '../host/process-table.js'
import { openStore } from '../image/store.js'
import { writeSealed } from '../sealed-json.js'
import { claimedDirectories } from '../session/lasting-claims.js'
import { usedDirectories } from '../session/uses.js'
import { createMachine } from './create.js'
import { dataDirectory } from './data-directory.js'
import { destroyMachine, removeLeftovers } from './destroy.js'
import { findMachine, listMachines, machineNamed } from './find.js'
import { withName } from './lock.js'
import { lookAt, processesOf } from './look.js'
import { resumeMachine, suspendMachine } from './pause.js'
import { type Machine, RECORD, writeRecord } from './record.js'
import { startMachine } from './start.js'
import { stopMachine } from './stop.js'
import { haltingGuest } from './testing/halting-guest.js'
import { type PrivateData, privateData } from './testing/private-data.js'

let place: PrivateData
let guest: Guest
beforeEach(async () => {
  place = await privateData()
  guest = await haltingGuest(place.root)
})
afterEach(() => place[Symbol.asyncDispose]())

const create = (name: string) => createMachine(guest, name, place)
const start = (machine: Machine) => startMachine(machine, { ...place, wait: false })

test('a machine is made whole, in its own name, and claims its image', async () => {
  const machine = await create('web')
  expect(machine.record.guest).toMatchObject({ name: 'web', hostname: 'web', cpus: 1 })
  expect((await readdir(machine.directory)).sort()).toEqual(['disk.qcow2', 'id_ed25519', 'initrd', 'machine.json'])
  expect(await usedDirectories(await openStore(place.cacheDir))).toContain(machine.record.image.dir)
  expect(await lookAt(machine)).toEqual({ state: 'stopped' })
  await expect(create('web')).rejects.toThrow('there is a machine web already')
  await expect(create('../web')).rejects.toThrow('not a name for a machine: "../web"')
})

test.skipIf(process.getuid?.() !== 0)('where there is no room for it, that is said, and nothing is left', async () => {
  const full = await mkdtemp(join(tmpdir(), 'mayfly-full-'))
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', full])
  onTestFinished(async () => {
    await execa('umount', [full])
    await rm(full, { recursive: true })
  })
  const data = dataDirectory({ MAYFLY_DATA_DIR: full })
  await expect(createMachine(guest, 'web', { ...place, data })).rejects.toMatchObject({
    code: 'MAYFLY_CACHE_UNUSABLE',
    hint: expect.stringContaining('MAYFLY_DATA_DIR'),
  })
  expect(await readdir(data.machines)).toEqual([])
})

test('a missing bridge is told before anything is made; a machine whose start fails stays registered', async () => {
  const network = { mode: 'tap', bridge: 'mayflynone' } as const
  await expect(createMachine({ ...guest, network }, 'web', place)).rejects.toMatchObject({
    code: 'MAYFLY_NETWORK_UNUSABLE',
    shortMessage: 'there is no bridge mayflynone',
    hint: expect.stringContaining('ip link add mayflynone type bridge'),
  })
  expect(await listMachines(place.data)).toMatchObject({ machines: [], damaged: [] })
  const { directory, record } = await create('web')
  const machine = await writeRecord(directory, { ...record, guest: { ...record.guest, network } })
  await expect(start(machine)).rejects.toMatchObject({
    code: 'MAYFLY_NETWORK_UNUSABLE',
    details: expect.arrayContaining([
      'web stays registered: mayfly start web starts it again, mayfly destroy web removes it',
    ]),
  })
})

test('a name that cannot be a host name is refused, unless the guest has a host name of its own', async () => {
  await expect(create('my_web')).rejects.toThrow('the name "my_web" cannot be the host name as well')
  const machine = await createMachine({ ...guest, hostname: 'web.test' }, 'my_web', place)
  expect(machine.record.guest).toMatchObject({ name: 'my_web', hostname: 'web.test' })
})

test('it runs until it is stopped, and says how it came to its end', async () => {
  const machine = await start(await create('web'))
  expect(await lookAt(machine)).toMatchObject({ state: 'starting' })
  expect((await start(machine)).record.run).toEqual(machine.record.run)
  expect(await suspendMachine(machine, place)).toBe(true)
  expect(await suspendMachine(machine, place)).toBe(false)
  expect(await lookAt(machine)).toEqual({ state: 'suspended' })
  expect(await resumeMachine(machine, place)).toBe(true)
  expect(await lookAt(machine)).toMatchObject({ state: 'starting' })
  expect(await stopMachine(machine, { ...place, timeout: 200 })).toBe('quit')
  expect(await processesOf(machine.directory)).toEqual([])
  expect(await lookAt(await findMachine('web', place.data))).toMatchObject({
    state: 'stopped',
    note: 'it was stopped: the guest did not power off within 200 ms, so that QEMU was made to quit',
  })
  expect(await stopMachine(machine, place)).toBe('off')
  await expect(suspendMachine(machine, place)).rejects.toThrow('web is stopped')
})

test('two that start it at once, start one', async () => {
  const machine = await create('web')
  const [one, other] = await Promise.all([start(machine), start(machine)])
  expect(one.record.run?.process?.pid).toBeGreaterThan(0)
  expect(other.record.run?.process).toEqual(one.record.run?.process)
})

test('a QEMU that was killed is a stopped machine, which can be started again', async () => {
  const machine = await start(await create('web'))
  await killAndWait([machine.record.run!.process!.pid], 5000)
  await expect.poll(async () => (await lookAt(machine)).note).toContain('QEMU was killed (SIGKILL)')
  expect(await lookAt(machine)).toMatchObject({ state: 'stopped', endedAt: expect.any(String) })
  const again = await start(machine)
  expect(again.record.run?.process?.pid).not.toBe(machine.record.run?.process?.pid)
  // Its parent as well, as when the host loses power: nobody has written down how it ended.
  await killAndWait(await processesOf(machine.directory), 5000)
  expect(await lookAt(again)).toEqual({
    state: 'stopped',
    note: 'it went down with its host, or everything of it was killed',
  })
})

test('a QEMU that hangs is seen at once, and can be stopped all the same', async () => {
  const machine = await start(await create('web'))
  process.kill(machine.record.run!.process!.pid, 'SIGSTOP')
  expect(await lookAt(machine)).toEqual({ state: 'starting', note: 'its QEMU does not answer at the moment' })
  expect(await stopMachine(machine, place)).toBe('killed')
  expect((await lookAt(await findMachine('web', place.data))).note).toMatch(/^it was stopped: QEMU was killed \(.+\)$/)
}, 60_000)

test('a start that was killed before it knew its QEMU is taken up by the next command', async () => {
  const machine = await start(await create('web'))
  const { run } = machine.record
  // As it stands in the record while QEMU is being started.
  const half = await writeRecord(machine.directory, { ...machine.record, run: { ...run!, process: undefined } })
  expect(await lookAt(half)).toEqual({ state: 'starting' })
  expect((await start(half)).record.run?.process).toEqual(run?.process)
  await writeRecord(machine.directory, { ...machine.record, run: { ...run!, process: undefined } })
  expect(await stopMachine(machine, { ...place, timeout: 0 })).toBe('quit')
  // One that was killed before there was a QEMU.
  const never = await writeRecord(machine.directory, {
    ...machine.record,
    ended: undefined,
    run: { ...run!, process: undefined },
  })
  expect((await lookAt(never)).state).toBe('stopped')
  expect((await start(never)).record.run?.process).toBeDefined()
})

test('a create or a destroy that was killed half-way leaves no machine, and its name is free', async () => {
  await mkdir(join(place.data.machines, '.creating-web'), { recursive: true })
  await writeFile(join(place.data.machines, '.creating-web', RECORD), '{')
  expect(await machineNamed('web', place.data)).toBeUndefined()
  expect(await listMachines(place.data)).toEqual({ machines: [], damaged: [] })
  const machine = await create('web')
  await mkdir(join(place.data.machines, '.destroyed-web-0123abcd'))
  await mkdir(join(place.data.machines, '.creating-db'))
  await mkdir(join(place.data.machines, '.creating-busy'))
  await withName('busy', place, () => removeLeftovers(place.data))
  expect(await readdir(place.data.machines)).toEqual(['.creating-busy', 'web'])
  await removeLeftovers(place.data)
  await destroyMachine(machine, place)
  expect(await readdir(place.data.machines)).toEqual([])
})

test('destroy ends it, whatever its record says, and releases its image', async () => {
  const machine = await start(await create('web'))
  await writeFile(join(machine.directory, RECORD), 'no record')
  await expect(findMachine('web', place.data)).rejects.toThrow('the record of a machine cannot be read')
  expect((await listMachines(place.data)).damaged).toMatchObject([{ name: 'web' }])
  await destroyMachine(machine, place)
  expect(await processesOf(machine.directory)).toEqual([])
  expect(existsSync(machine.directory)).toBe(false)
  expect(await claimedDirectories(await openStore(place.cacheDir))).toEqual([])
})

test('a machine that was copied by its files cannot end or remove the first one', async () => {
  const machine = await start(await create('web'))
  const copy = join(place.data.machines, 'copy')
  await cp(machine.directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  await expect(findMachine('copy', place.data)).rejects.toThrow('it is that of web')
  await destroyMachine({ name: 'copy', directory: copy }, place)
  const moved = {
    root: join(place.root, 'moved'),
    machines: join(place.root, 'moved/machines'),
    locks: place.data.locks,
  }
  const other = join(moved.machines, 'web')
  await cp(machine.directory, other, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  const there = await findMachine('web', moved)
  expect(await lookAt(there)).toEqual({ state: 'stopped' })
  expect(await stopMachine(there, { ...place, data: moved })).toBe('off')
  await destroyMachine(there, { ...place, data: moved })
  expect(existsSync(other)).toBe(false)
  const linked = join(place.root, 'link')
  await symlink(place.data.machines, linked)
  const same = await findMachine('web', { ...place.data, machines: linked })
  for (const path of [machine, same]) expect((await lookAt(path)).state).toBe('starting')
})

test('a data directory has one path, whichever way it is called', async () => {
  const link = join(place.root, 'link')
  await symlink(place.root, link)
  expect(dataDirectory({ MAYFLY_DATA_DIR: join(link, 'data') })).toEqual(place.data)
  expect(dataDirectory({ MAYFLY_DATA_DIR: join(link, 'not/there') }).root).toBe(join(place.root, 'not/there'))
})

test('a QEMU that does not start says why, and nothing runs', async () => {
  const machine = await create('web')
  const broken = await writeRecord(machine.directory, { ...machine.record, machineType: 'pc-q35-0.0' })
  await expect(start(broken)).rejects.toThrow(
    /QEMU exited while starting \(exit code 1\)[\s\S]*qemu: .*unsupported machine type/,
  )
  expect(await lookAt((await machineNamed('web', place.data))!)).toMatchObject({
    state: 'stopped',
    note: expect.stringMatching(/^QEMU failed \(exit code 1\): /),
  })
})

test('a data directory with a long path has its sockets elsewhere', async () => {
  const long = { ...place, data: { ...place.data, machines: join(place.root, 'x'.repeat(60), 'y'.repeat(60)) } }
  await mkdir(long.data.machines, { recursive: true })
  const machine = await startMachine(await createMachine(guest, 'web', long), { ...long, wait: false })
  try {
    const sockets = machine.record.run!.sockets
    expect(sockets).not.toContain('xxx')
    expect((await readdir(sockets)).sort()).toEqual(['agent.sock', 'console.sock', 'qmp.sock', 'status.sock'])
    await destroyMachine(machine, long)
    expect(existsSync(sockets)).toBe(false)
  } finally {
    await killAndWait(await processesOf(machine.directory), 5000)
  }
})

test('names are meant by their beginnings, and typing errors are seen', async () => {
  await create('web-1')
  await create('web-2')
  await create('db')
  expect((await findMachine('d', place.data)).name).toBe('db')
  await expect(findMachine('web', place.data)).rejects.toThrow('Which one: web-1, web-2?')
  await expect(findMachine('dbb', place.data)).rejects.toThrow('Did you mean db?')
  const record = JSON.parse(await readFile(join(place.data.machines, 'db', RECORD), 'utf8'))
  const { checksum: _, ...content } = record
  await writeSealed(join(place.data.machines, 'db', RECORD), { ...content, guest: 7, hostKey: '' })
  await expect(findMachine('db', place.data)).rejects.toThrow(/guest: [\s\S]*hostKey: /)
})
