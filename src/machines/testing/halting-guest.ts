import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineGuest, type Guest } from '../../guest/spec.js'

/** Where multiboot kernels are loaded. */
const BASE = 0x10_0000
const HEADER_BYTES = 32
/** cli; hlt; and again */
const CODE = Buffer.from([0xfa, 0xf4, 0xeb, 0xfd])

/**
 * A guest that boots at once, and does nothing: what runs is a QEMU, and costs nothing. It hears no power button, and nobody logs in.
 * @see https://www.gnu.org/software/grub/manual/multiboot/multiboot.html
 */
export async function haltingGuest(directory: string): Promise<Guest> {
  const [magic, flags] = [0x1bad_b002, 0x1_0000]
  const words = [magic, flags, -(magic + flags) >>> 0, BASE, BASE, 0, 0, BASE + HEADER_BYTES]
  const header = Buffer.alloc(HEADER_BYTES)
  for (const [index, word] of words.entries()) header.writeUInt32LE(word, 4 * index)
  const [kernel, initrd] = [join(directory, 'halt'), join(directory, 'initrd')]
  await writeFile(kernel, Buffer.concat([header, CODE]))
  await writeFile(initrd, '')
  return defineGuest({ name: 'halting', image: { kernel, initrd }, memory: '96MiB', disk: '64MiB' })
}
