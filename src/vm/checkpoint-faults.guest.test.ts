import { execFileSync } from 'node:child_process'
import { statfsSync, watch } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test as hostTest, onTestFinished } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { closeSession } from '../session/session.js'
import { FILES } from '../snapshot/machine.js'
import { prepare } from '../snapshot/prepare.js'
import { MIB } from '../units.js'
import { guestTest } from '../vitest/guest-test.js'
import { launch } from './launch.js'
import { checkpointsOnDisk, pidOf, sessionDirectory } from './testing/evidence.js'

// No pool: its machines come and go in the same directory.
const test = guestTest('micro', { pool: 0 })

test.for(['pages', 'migration'] as const)('QEMU dies while it is frozen by %s', async (method, { vm }) => {
  const checkpoint = await vm.checkpoint('whole')
  const pid = await pidOf(vm)
  atNextCheckpoint(await sessionDirectory(), () => process.kill(pid, 'SIGKILL'))
  await expect(vm.checkpoint('broken', { method })).rejects.toMatchObject({ code: 'MAYFLY_QEMU_EXITED' })
  await expect.poll(() => vm.state).toBe('crashed')
  expect(await checkpointsOnDisk()).toHaveLength(1)
  await vm.restore(checkpoint)
  expect(await vm.succeed('echo on')).toBe('on\n')
})

test('QEMU dies while it is restored', async ({ vm }) => {
  await vm.succeed('echo mark > /scratch/mark; sync')
  const checkpoint = await vm.checkpoint('whole')
  const before = await pidOf(vm)
  const failed = expect(vm.restore(checkpoint)).rejects.toMatchObject({ code: 'MAYFLY_QEMU_EXITED' })
  await expect.poll(() => pidOf(vm).catch(() => before), { interval: 1 }).not.toBe(before)
  process.kill(await pidOf(vm), 'SIGKILL')
  await failed
  expect(vm.state).toBe('crashed')
  await expect(vm.exec('true')).rejects.toMatchObject({
    code: 'MAYFLY_VM_STATE',
    message: expect.stringContaining('killed by SIGKILL'),
  })
  await vm.start()
  expect(await vm.succeed('cat /scratch/mark')).toBe('mark\n')
  await vm.restore(checkpoint)
  expect(await vm.succeed('cat /scratch/mark')).toBe('mark\n')
})

test('a checkpoint that was damaged does not load, and says so', async ({ vm }) => {
  await vm.succeed('echo mark > /scratch/mark; sync')
  const checkpoint = await vm.checkpoint('damaged')
  const [directory] = await checkpointsOnDisk()
  await truncate(join(await sessionDirectory(), directory!, FILES.state), 20_000)
  await expect(vm.restore(checkpoint)).rejects.toMatchObject({ code: 'MAYFLY_CHECKPOINT_UNUSABLE' })
  expect(vm.state).toBe('crashed')
  await vm.start()
  expect(await vm.succeed('cat /scratch/mark')).toBe('mark\n')
})

test('forks of which one cannot be made', async ({ vm }) => {
  const names = await readdir(await sessionDirectory())
  const watcher = watch(await sessionDirectory(), (_event, name) => {
    if (!name?.startsWith('micro-') || names.includes(name)) return
    watcher.close()
    // A directory that goes before QEMU is started in it.
    void sessionDirectory().then((session) => rm(join(session, name), { recursive: true, force: true }))
  })
  onTestFinished(() => watcher.close())
  await expect(vm.fork(2)).rejects.toThrow()
  expect((await readdir(await sessionDirectory())).filter((name) => name.startsWith('micro-'))).toEqual([vm.id])
  expect(await vm.succeed('echo goes on')).toBe('goes on\n')
})

hostTest.skipIf(process.getuid?.() !== 0)('the disk is full, before and while it is written', async () => {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-full-'))
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=600m', 'tmpfs', root])
  const cacheDir = join(root, 'cache')
  onTestFinished(async () => {
    await closeSession(cacheDir)
    await execa('umount', ['--lazy', root])
    await rm(root, { recursive: true, force: true })
  })
  const shared = await prepare(defineGuest('micro'))
  await mkdir(join(cacheDir, 'images'), { recursive: true })
  await execa('cp', ['-r', shared.image.dir, join(cacheDir, 'images')])
  await using vm = await launch('micro', { cacheDir })
  const session = await sessionDirectory(cacheDir)
  const leave = (bytes: number) => {
    const { blocks, bfree, bsize } = statfsSync(root)
    execFileSync('mount', ['-o', `remount,size=${(blocks - bfree) * bsize + bytes}`, root])
  }
  const makeRoom = () => execFileSync('mount', ['-o', 'remount,size=600m', root])

  atNextCheckpoint(session, (directory) => {
    const watcher = watch(directory, (_event, name) => {
      if (name !== FILES.ram) return
      watcher.close()
      leave(30 * MIB)
    })
  })
  await expect(vm.checkpoint('during')).rejects.toMatchObject({
    code: 'MAYFLY_CACHE_UNUSABLE',
    message: expect.stringContaining('no space left'),
  })
  expect(await checkpointsOnDisk(cacheDir)).toEqual([])
  expect(await vm.succeed('echo goes on')).toBe('goes on\n')

  leave(30 * MIB)
  await expect(vm.checkpoint('before')).rejects.toMatchObject({
    code: 'MAYFLY_CACHE_UNUSABLE',
    message: expect.stringContaining('a checkpoint of micro'),
  })
  expect(await checkpointsOnDisk(cacheDir)).toEqual([])

  makeRoom()
  const checkpoint = await vm.checkpoint('room again')
  await vm.restore(checkpoint)
  expect(await vm.succeed('echo goes on')).toBe('goes on\n')
})

/** Calls `then` with the directory of the next checkpoint, when it is there. */
function atNextCheckpoint(session: string, then: (directory: string) => unknown): void {
  const watcher = watch(session, (_event, name) => {
    if (!name?.startsWith('checkpoint-')) return
    watcher.close()
    then(join(session, name))
  })
  onTestFinished(() => watcher.close())
}
