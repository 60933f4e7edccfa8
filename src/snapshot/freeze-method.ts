import type { QemuProcess } from '../qemu/process.js'
import { DirtyPages } from './dirty-pages.js'

/**
 * How a running machine is frozen. `pages`: QEMU saves the devices, and the pages that the guest has written to are read from
 * its process; tens of ms. `migration`: QEMU streams all that is in memory; several times as long, but asks nothing of the host.
 */
export type FreezeMethod = 'pages' | 'migration'

export interface FreezeMethodOptions {
  qemu: QemuProcess
  /** The file that its memory is a private view of, and its size. */
  ram: string
  memoryBytes: number
}

let quickest: Promise<FreezeMethod> | undefined

/** The best that this host and its QEMU can do: found out once per process. */
export async function freezeMethod(options: FreezeMethodOptions): Promise<FreezeMethod> {
  quickest ??= probe(options)
  try {
    return await quickest
  } catch (error) {
    quickest = undefined
    throw error
  }
}

async function probe({ qemu, ram, memoryBytes }: FreezeMethodOptions): Promise<FreezeMethod> {
  const commands = await qemu.qmp.execute('query-commands')
  if (!commands.some(({ name }) => name === 'xen-save-devices-state')) return 'migration'
  try {
    using _pages = await DirtyPages.open(qemu.pid, ram, memoryBytes)
    return 'pages'
  } catch {
    // If that is because the process is gone, nothing was found out.
    await qemu.qmp.execute('query-status')
    return 'migration'
  }
}
