// @ts-check
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { startQemu } from './bare-qemu.js'
import { withClone } from './guest.js'
import { proportionalMiB, proportionalMiBOf } from './pss.js'
import { row } from './row.js'

const MIB = 1024 ** 2

/** @param {string} name */
export const footprintRowNames = (name) => ({
  disk: `${name}: disk used by a fresh clone`,
  memory: `${name}: private memory of an idle clone (PSS)`,
})

/**
 * What one more clone costs its host.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchFootprint(guest, { repeat, progress }) {
  const names = footprintRowNames(guest.name)
  progress(`${guest.name}: disk and memory of a clone`)
  /** @type {number[]} */
  const disk = []
  const emptyLayer = (await stat(join(guest.template, 'overlay.qcow2'))).blocks * 512
  /** @type {number[]} */
  const memory = []
  /** @type {number[]} */
  const bare = []
  for (let round = 0; round < Math.max(1, Math.ceil(repeat / 2)); round++) {
    await withClone(guest, async (vm) => {
      const directory = dirname(vm.console.logPath)
      disk.push((await allocatedBytes(directory)) / MIB)
      await vm.succeed('true')
      memory.push(await proportionalMiBOf(vm))
    })
    bare.push(await bareMiB(guest))
  }
  return [
    row({
      name: names.disk,
      unit: 'MiB',
      value: disk,
      floor: [emptyLayer / MIB],
      target: 'value <= 1',
      note: 'an empty qcow2 layer',
    }),
    row({ name: names.memory, unit: 'MiB', value: memory, floor: bare, note: 'PSS of QEMU with -machine none' }),
  ]
}

/**
 * What a directory's files take on the disk, whatever their lengths.
 * @param {string} directory
 */
async function allocatedBytes(directory) {
  const names = await readdir(directory)
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).blocks * 512))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** @param {import('./guest.js').BenchGuest} guest */
async function bareMiB({ binary, env }) {
  const monitor = ['-chardev', 'socket,id=qmp,fd=3', '-mon', 'chardev=qmp,mode=control']
  const qemu = startQemu(binary, ['-machine', 'none', '-nodefaults', '-display', 'none', ...monitor], { env })
  try {
    await qemu.greeted()
    return await proportionalMiB(qemu.pid)
  } finally {
    await qemu.kill()
  }
}
