import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { defaultCacheDir, openStore } from '../../image/store.js'
import { currentSession } from '../../session/session.js'
import type { Vm } from '../vm.js'

/** Forks that end with the test. */
export async function forks(vm: Vm, count: number): Promise<Vm[]> {
  const made = await vm.fork(count)
  onTestFinished(async () => {
    await Promise.all(made.map((fork) => fork.destroy()))
  })
  return made
}

/** This process's session in a cache directory. */
export async function sessionDirectory(cacheDir = defaultCacheDir()): Promise<string> {
  return (await currentSession(await openStore(cacheDir))).directory
}

/** The QEMU that runs a Vm at the moment. */
export async function pidOf(vm: Vm, cacheDir?: string): Promise<number> {
  return JSON.parse(await readFile(join(await sessionDirectory(cacheDir), vm.id, 'vm.json'), 'utf8')).pid
}

/** Checkpoints of this process that still have files. */
export async function checkpointsOnDisk(cacheDir?: string): Promise<string[]> {
  return (await readdir(await sessionDirectory(cacheDir))).filter((name) => name.startsWith('checkpoint-'))
}

/** A directory of the guest that lies on its disk: micro's root is in memory. */
export async function onDisk(vm: Vm): Promise<string> {
  return (await vm.exec('test -d /scratch')).exitCode === 0 ? '/scratch' : '/root'
}

/** Seconds since the guest's boot, by its monotonic clock. */
export async function uptime(vm: Vm): Promise<number> {
  return Number((await vm.succeed('cat /proc/uptime')).split(' ')[0])
}
