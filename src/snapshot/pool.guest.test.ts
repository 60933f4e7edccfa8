import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { isAlive } from '../host/process-table.js'
import { silent } from '../host/progress.js'
import { openHarness } from '../session/harness.js'
import { type ListedVm, listSessionsAndVms } from '../session/list.js'
import { openPool } from '../vm/open-pool.js'
import type { Vm } from '../vm/vm.js'
import { type PoolOptions, VmPool } from '../vm/vm-pool.js'

const micro = defineGuest('micro')

async function pooled(options: PoolOptions = {}, guest = micro): Promise<VmPool> {
  const pool = await openPool(guest, options)
  onTestFinished(() => pool[Symbol.asyncDispose]())
  return pool
}

async function take(pool: VmPool): Promise<Vm> {
  const vm = await pool.take()
  onTestFinished(() => vm.destroy())
  return vm
}

/** The machines of this process, as `mayfly ls` sees them. */
async function machines(): Promise<ListedVm[]> {
  const { store, session } = await openHarness()
  const sessions = await listSessionsAndVms(store)
  return sessions.find(({ id }) => id === session.id)?.vms ?? []
}

const ready = (pool: VmPool, count = 1) => expect.poll(() => pool.ready, { timeout: 30_000 }).toBe(count)

test.for(['micro', 'debian'])(
  'a ready %s is running at once, with the time of now and random numbers of its own',
  async (name) => {
    const pool = await pooled({ most: 2 }, defineGuest(name))
    await ready(pool)
    const [member] = await machines()
    expect(member).toMatchObject({ pooled: true, login: { user: 'root' } })
    // What a stopped machine misses is what it must be told.
    await delay(1500)
    const vm = await take(pool)
    expect(vm.id).toBe(member!.id)
    expect((await machines()).find(({ id }) => id === vm.id)).toMatchObject({
      pooled: false,
      sshPort: vm.ssh.port,
      login: { hostKey: vm.ssh.hostKey, privateKeyPath: vm.ssh.privateKeyPath },
    })
    expect(vm.timings).toMatchObject({ pooled: true, spawn: 0, connect: 0 })
    const asked = Date.now()
    const told = Number(await vm.succeed('date +%s%3N')) || 1000 * Number(await vm.succeed('date +%s'))
    expect(told).toBeGreaterThan(asked - 1100)
    expect(told).toBeLessThan(Date.now() + 100)
    const other = await take(pool)
    expect(other.id).not.toBe(vm.id)
    const random = (each: Vm) => each.succeed('head -c 16 /dev/urandom | od -An -tx1')
    expect(await random(vm)).not.toBe(await random(other))
  },
)

test('a machine that died in the pool is replaced, and never handed out', async () => {
  const notes: string[] = []
  const pool = await pooled({
    most: 1,
    progress: { ...silent, note: (line) => void notes.push(line) },
  })
  await ready(pool)
  const [member] = await machines()
  process.kill(member!.pid, 'SIGKILL')
  await expect.poll(async () => (await machines()).map(({ id }) => id), { timeout: 30_000 }).not.toContain(member!.id)
  await ready(pool)
  expect(notes.join('\n')).toMatch(/a pooled micro died and is replaced: QEMU exited in the pool \(killed by SIGKILL\)/)
  expect((await take(pool)).id).not.toBe(member!.id)
})

test('a machine that does not wake up is replaced by another before long', async () => {
  const pool = await pooled({ most: 1 })
  await ready(pool)
  const [member] = await machines()
  process.kill(member!.pid, 'SIGSTOP')
  const started = performance.now()
  const vm = await take(pool)
  expect(vm.id).not.toBe(member!.id)
  expect(await vm.succeed('echo works')).toBe('works\n')
  expect(performance.now() - started).toBeLessThan(15_000)
  expect(isAlive(member!.pid)).toBe(false)
})

test('no more machines are made than are asked for', async () => {
  const pool = new VmPool(micro, { most: 4 })
  onTestFinished(() => pool[Symbol.asyncDispose]())
  pool.expect(2)
  const [first, second] = await Promise.all([take(pool), take(pool)])
  expect(first.id).not.toBe(second.id)
  await Promise.all([first.destroy(), second.destroy()])
  expect(pool.ready).toBe(0)
  expect(await machines()).toEqual([])
})

test('a pool that is closed leaves no machine, also while it is being filled', async () => {
  const pool = await openPool(micro, { most: 2 })
  await expect.poll(async () => (await machines()).length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(0)
  await pool[Symbol.asyncDispose]()
  expect(await machines()).toEqual([])
})

test('whoever gives up waiting for a machine leaves none', async () => {
  const pool = new VmPool(micro)
  onTestFinished(() => pool[Symbol.asyncDispose]())
  pool.expect(1)
  const reason = new Error('enough')
  await expect(pool.take({ signal: AbortSignal.abort(reason) })).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  const giveUp = new AbortController()
  const taking = pool.take({ signal: giveUp.signal })
  await delay(30)
  giveUp.abort(reason)
  await expect(taking).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  expect(await machines()).toEqual([])
})

test('a nonsensical size is refused', () => {
  expect(() => new VmPool(micro, { most: 0 })).toThrow(/a pool cannot keep 0 machines/)
})
