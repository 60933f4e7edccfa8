import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MayflyError } from '../errors.js'
import type { Arch } from './host-arch.js'

/** EDK2 for virtual machines: its code, and an empty store for its variables, which each machine gets a copy of. */
export interface UefiFiles {
  code: string
  vars: string
}

/** Where distributions have it: Debian and Ubuntu, Fedora and its kin, Arch, openSUSE. Without Secure Boot, which would want its keys. */
const PLACES: Record<Arch, readonly UefiFiles[]> = {
  x64: [
    ovmf('/usr/share/OVMF', 'OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'),
    ovmf('/usr/share/OVMF', 'OVMF_CODE.fd', 'OVMF_VARS.fd'),
    ovmf('/usr/share/edk2/ovmf', 'OVMF_CODE.fd', 'OVMF_VARS.fd'),
    ovmf('/usr/share/edk2/x64', 'OVMF_CODE.4m.fd', 'OVMF_VARS.4m.fd'),
    ovmf('/usr/share/qemu', 'ovmf-x86_64-4m-code.bin', 'ovmf-x86_64-4m-vars.bin'),
  ],
  arm64: [
    ovmf('/usr/share/AAVMF', 'AAVMF_CODE.no-secboot.fd', 'AAVMF_VARS.fd'),
    ovmf('/usr/share/AAVMF', 'AAVMF_CODE.fd', 'AAVMF_VARS.fd'),
    ovmf('/usr/share/edk2/aarch64', 'QEMU_EFI-pflash.raw', 'vars-template-pflash.raw'),
    ovmf('/usr/share/qemu', 'aavmf-aarch64-code.bin', 'aavmf-aarch64-vars.bin'),
  ],
}

/** What comes with QEMU itself where it is built from its own source, as Homebrew does. */
const WITH_QEMU: Record<Arch, [code: string, vars: string]> = {
  x64: ['edk2-x86_64-code.fd', 'edk2-i386-vars.fd'],
  arm64: ['edk2-aarch64-code.fd', 'edk2-arm-vars.fd'],
}

/**
 * The UEFI of this host for guests of `arch`.
 * @param qemu path of the QEMU binary.
 * @throws MayflyError MAYFLY_TOOL_MISSING.
 */
export function findUefi(arch: Arch, qemu: string): UefiFiles {
  const [code, vars] = WITH_QEMU[arch]
  const places = [...PLACES[arch], ovmf(join(dirname(qemu), '../share/qemu'), code, vars)]
  const found = places.find((files) => existsSync(files.code) && existsSync(files.vars))
  if (found) return found
  throw new MayflyError('MAYFLY_TOOL_MISSING', 'there is no UEFI for guests on this host', {
    details: places.map((files) => `looked for ${files.code} and ${files.vars}`),
    hint: `Install it (apt-get install ${arch === 'x64' ? 'ovmf' : 'qemu-efi-aarch64'}), or boot with firmware: 'bios' where the disk can.`,
  })
}

function ovmf(directory: string, code: string, vars: string): UefiFiles {
  return { code: join(directory, code), vars: join(directory, vars) }
}
