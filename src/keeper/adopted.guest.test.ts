import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, test as base, beforeAll, describe, expect } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { isAlive } from '../host/process-table.js'
import type { Vm } from '../vm/vm.js'
import { VmPool } from '../vm/vm-pool.js'
import { type KeeperHere, keeperHere } from './testing/keeper-here.js'

let keeper: KeeperHere
beforeAll(async () => {
  keeper = await keeperHere(import.meta.filename)
})
afterAll(async () => {
  await keeper[Symbol.asyncDispose]()
})

describe.each(['micro', 'debian'])('a %s of the keeper', (image) => {
  let pool: VmPool
  beforeAll(async () => {
    pool = new VmPool(defineGuest(image), {}, keeper.keeping)
    await pool.prepare()
  }, 600_000)
  afterAll(async () => {
    await pool[Symbol.asyncDispose]()
  })
  const test = base.extend('vm', async ({ signal }, { onCleanup }): Promise<Vm> => {
    const vm = await pool.take({ signal })
    onCleanup(() => vm.family.destroy().then(() => {}))
    return vm
  })

  test('runs commands and moves files', async ({ vm }) => {
    expect(await vm.exec('echo out; echo err >&2; exit 7')).toMatchObject({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 7,
    })
    const bytes = randomBytes(500_000)
    await vm.writeFile('/root/bytes', bytes)
    expect((await vm.readFile('/root/bytes', { encoding: 'buffer' })).equals(bytes)).toBe(true)
    expect(await vm.exec('kill -KILL $$')).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
    await expect(vm.exec('sleep 1000', { timeout: 300 })).rejects.toMatchObject({ code: 'MAYFLY_COMMAND_TIMEOUT' })
    const sums = await Promise.all([1, 2, 3].map((n) => vm.succeed(`sleep 0.1; echo ${n}`)))
    expect(sums).toEqual(['1\n', '2\n', '3\n'])
  })

  test('has the time of now, a shell, a console and forwarded ports', async ({ vm }) => {
    expect(Math.abs(Number(await vm.succeed('date +%s')) - Date.now() / 1000)).toBeLessThan(2)
    await using shell = await vm.shell()
    shell.stream.write('echo $((20 + 22)); exit 3\n')
    let shown = ''
    shell.stream.on('data', (chunk: Buffer) => {
      shown += chunk.toString()
    })
    expect(await shell.exited).toMatchObject({ exitCode: 3 })
    expect(shown).toMatch(/\b42\b/)
    await vm.succeed('echo said-on-the-console > /dev/console')
    await vm.waitForConsoleText('said-on-the-console')
    const { port } = await vm.forwardPort(22)
    expect(port).toBeGreaterThan(0)
  })

  test('stops, goes on, goes back, and has forks', async ({ vm }) => {
    await vm.succeed('echo one > /root/mark')
    await vm.suspend()
    await vm.resume()
    const checkpoint = await vm.checkpoint()
    await vm.succeed('echo two > /root/mark')
    const [fork] = await vm.fork()
    expect(await fork.succeed('cat /root/mark')).toBe('two\n')
    await vm.restore(checkpoint)
    expect(await vm.succeed('cat /root/mark')).toBe('one\n')
  })

  test('boots again', async ({ vm }) => {
    const bootId = () => vm.succeed('cat /proc/sys/kernel/random/boot_id')
    const first = await bootId()
    await vm.reboot()
    expect(await bootId()).not.toBe(first)
    await vm.crash()
    expect(vm.state).toBe('crashed')
    await vm.start()
    expect(await vm.succeed('echo up')).toBe('up\n')
    const { pid } = vm.life.running.qemu
    await vm.destroy()
    expect(isAlive(pid)).toBe(false)
    expect(existsSync(dirname(vm.console.logPath))).toBe(false)
  })

  test('says why it died', async ({ vm }) => {
    const { qemu } = vm.life.running
    const running = vm.exec('sleep 1000')
    process.kill(qemu.pid, 'SIGKILL')
    await expect(running).rejects.toMatchObject({ code: 'MAYFLY_QEMU_EXITED' })
    expect(vm.state).toBe('crashed')
    expect(await qemu.exited).toMatchObject({ signal: 'SIGKILL' })
  })

  test('is a pristine one, ready in advance', async ({ vm }) => {
    expect(await vm.succeed('ls /root')).toBe('')
    await vm.destroy()
    pool.expect(1)
    let next = await pool.take()
    // One that is still being made is given as it is.
    for (let tries = 0; !next.timings.pooled && tries < 5; tries++) {
      await next.destroy()
      pool.expect(1)
      await new Promise((resolve) => setTimeout(resolve, 2000))
      next = await pool.take()
    }
    await using ready = next
    expect(ready.timings.pooled).toBe(true)
    expect(ready.id).not.toBe(vm.id)
    expect(await ready.succeed('echo ready')).toBe('ready\n')
  })
})
