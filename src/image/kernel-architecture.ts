import { open } from 'node:fs/promises'
import type { Architecture } from './catalogue-entries.js'

/** Numbers of elf(5). */
const ELF_MACHINES: Record<number, Architecture> = { 62: 'x86_64', 183: 'aarch64' }

/** What a kernel's header says it runs on: ELF, or the boot protocols of Linux for x86 and for arm64. */
export async function kernelArchitecture(path: string): Promise<Architecture | undefined> {
  try {
    await using file = await open(path)
    const { buffer } = await file.read(Buffer.alloc(0x206), 0, 0x206, 0)
    if (buffer.toString('latin1', 0, 4) === '\x7fELF') return ELF_MACHINES[buffer.readUInt16LE(18)]
    if (buffer.toString('latin1', 0x202, 0x206) === 'HdrS') return 'x86_64'
    return buffer.toString('latin1', 0x38, 0x3c) === 'ARM\x64' ? 'aarch64' : undefined
  } catch {
    return undefined
  }
}
