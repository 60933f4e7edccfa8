import { join } from 'node:path'
import type { Guest } from '../guest/spec.js'
import type { Arch } from '../host/host-arch.js'
import { findUefi } from '../host/uefi.js'
import type { Image } from '../image/image.js'
import type { DiskLayer, Machine, NetworkCard, StateKind } from '../qemu/argv.js'
import type { Harness } from '../session/harness.js'
import type { SharedFiles } from './shared-files.js'

/** Names of a template's files in its directory, and of a Vm's in its own. */
export const FILES = {
  ram: 'ram',
  state: 'state',
  disk: 'disk.qcow2',
  /** An empty layer over the disk, copied for each clone: ten times cheaper than making one. */
  overlay: 'overlay.qcow2',
  initrd: 'initrd',
  /** What cloud-init reads, as a CD-ROM's image. */
  seed: 'seed.iso',
  /** The variables of UEFI. */
  vars: 'vars.fd',
  console: 'console.log',
  manifest: 'template.json',
  privateKey: 'id_ed25519',
} as const

/** The one disk that every machine has. */
export const DISK = 'disk0'

/** A machine at rest, from which others resume: a template, or a checkpoint. Its files do not change any more. */
export interface Frozen {
  /** Its RAM, which whoever resumes it maps privately. */
  ram: string
  state: { path: string; kind: StateKind }
  /** Its disk, nearest layer first, down to the image's. */
  layers: readonly DiskLayer[]
  /** An empty layer of the right size, to copy. */
  overlay: string
  /** The disk of its seed, if it has one. */
  seed?: string | undefined
  /** What UEFI has in its variables, to copy; none with another firmware. */
  vars?: string | undefined
  /** Whoever uses its files, if they go with the last who does: a checkpoint's. */
  uses?: { memory: SharedFiles; disk: SharedFiles }
  /** Who the machine says it is, if that is not what its template says. */
  identity?: HostIdentity | undefined
}

/** Who a machine says it is. */
export interface HostIdentity {
  /** Public host key (one line), pinned by every connection. */
  hostKey: string
  hostname: string
  /** Makes it say so again after a reboot: an archive for behind its template's initrd. */
  archive: Buffer
}

/** What every guest is told at boot, whatever its image. */
const CMDLINE = ['panic=-1', '8250.nr_uarts=2']
const CONSOLES: Record<Arch, string> = { x64: 'console=ttyS0', arm64: 'console=ttyAMA0' }
/** On a bridge guests ask for their address; elsewhere it is always the same. */
const TAP_CMDLINE = ['mayfly.network=dhcp']
/** Before the others: the last console is the one that programs get. */
const DISPLAY_CMDLINE = ['console=tty0']

/** The machine that boots in `directory`, and is frozen there. */
export function templateMachine(
  harness: Harness,
  guest: Guest,
  image: Image,
  directory: string,
  below: readonly DiskLayer[] = imageLayers(image),
): Machine {
  const layers = [{ path: join(directory, FILES.disk), format: 'qcow2' as const }, ...below]
  return {
    ...common(harness, guest, layers, directory, seedIn(directory, guest)),
    network: sealedCard(guest),
    ram: { path: join(directory, FILES.ram), share: true },
    boot: kernelBoot(guest, image, join(directory, FILES.initrd), sealedCard(guest)),
  }
}

/**
 * The machine that resumes `frozen` with its own top layer `disk`, in `directory`.
 * @param ram its memory: a private copy-on-write view of the frozen one's, unless it is to be frozen again in a file of its own.
 */
export function cloneMachine(
  harness: Harness,
  guest: Guest,
  frozen: Frozen,
  directory: string,
  disk: DiskLayer,
  network: NetworkCard,
  ram: Machine['ram'] = { path: frozen.ram, share: false },
): Machine {
  return {
    ...common(harness, guest, [disk, ...frozen.layers], directory, frozen.seed),
    network,
    ram,
    incoming: frozen.state.kind,
  }
}

/** What a machine boots with besides its disk: keys and a name, one way or the other. */
export interface BootFiles {
  /** Only where the kernel is booted directly. */
  initrd: string
  /** Only with cloud-init. */
  seed: string | undefined
}

/**
 * The machine that a Vm becomes when it is powered on again: its own disk, fresh memory, the template's keys.
 * Its memory is a private view of an empty file, so that a checkpoint can tell what was written to.
 */
export function rebootMachine(
  harness: Harness,
  guest: Guest,
  image: Image,
  { initrd, seed }: BootFiles,
  directory: string,
  layers: readonly DiskLayer[],
  network: NetworkCard,
): Machine {
  return {
    ...common(harness, guest, layers, directory, seed),
    network,
    ram: { path: join(directory, FILES.ram), share: false },
    boot: kernelBoot(guest, image, initrd, network),
  }
}

function common(
  { qemu, accelerator }: Harness,
  guest: Guest,
  layers: readonly DiskLayer[],
  directory: string,
  seed: string | undefined,
): Omit<Machine, 'network' | 'ram' | 'boot' | 'incoming'> {
  return {
    name: `mayfly-${guest.name}`,
    arch: guest.arch,
    type: qemu.machine,
    accelerator: accelerator.kind,
    cpus: guest.cpus,
    memoryBytes: guest.memoryBytes,
    firmware: firmwareOf(guest, qemu.path, directory),
    disks: [{ id: DISK, layers }],
    seed,
    display: guest.display,
    consoleLog: join(directory, FILES.console),
  }
}

/** Where the seed of a guest is that has one. */
export function seedIn(directory: string, { cloudInit }: Guest): string | undefined {
  return cloudInit && join(directory, FILES.seed)
}

/** Its variables are in the machine's own directory. */
function firmwareOf({ firmware, arch }: Guest, qemu: string, directory: string): Machine['firmware'] {
  if (firmware !== 'uefi') return firmware
  return { code: findUefi(arch, qemu).code, vars: join(directory, FILES.vars) }
}

/** The kernel that a guest is booted with directly; undefined if a boot loader does it. */
export function kernelOf({ display, firmware }: Pick<Guest, 'display' | 'firmware'>, image: Image): string | undefined {
  return ((display || firmware === 'uefi') && image.firmwareKernel) || image.kernel
}

function kernelBoot(guest: Guest, image: Image, initrd: string, network: NetworkCard): Machine['boot'] {
  const { display, arch } = guest
  const kernel = kernelOf(guest, image)
  if (kernel === undefined) return undefined
  const asked = [...(display ? DISPLAY_CMDLINE : []), CONSOLES[arch], ...CMDLINE]
  return {
    kernel,
    initrd,
    cmdline: [...asked, ...(network.mode === 'tap' ? TAP_CMDLINE : []), ...image.cmdline].join(' '),
  }
}

/** The card that a guest has while its template is made: on a bridge it would be seen by others, under an address that all its clones have. */
export function sealedCard({ network }: Guest): NetworkCard {
  return { mode: network.mode === 'none' ? 'none' : 'user' }
}

export function imageLayers(image: Image): DiskLayer[] {
  return image.disk ? [image.disk] : []
}
