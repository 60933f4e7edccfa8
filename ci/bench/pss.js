// @ts-check
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * MiB of private pages, and its share of those it has in common with others; the template's RAM file is one of the latter
 * as far as it was only read.
 * @param {number} pid
 */
export async function proportionalMiB(pid) {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) / 1024
}

/**
 * The same of a Vm's QEMU.
 * @param {import('mayfly').Vm} vm
 */
export async function proportionalMiBOf({ console }) {
  const { pid } = JSON.parse(await readFile(join(dirname(console.logPath), 'vm.json'), 'utf8'))
  return await proportionalMiB(pid)
}
