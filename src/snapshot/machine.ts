import { join } from 'node:path'
import type { Guest } from '../guest/spec.js'
import type { Image } from '../image/image.js'
import type { DiskChain, Machine } from '../qemu/argv.js'
import type { Harness } from '../session/harness.js'

/** Names of a template's files in its directory, and of a Vm's in its own. */
export const FILES = {
  ram: 'ram',
  state: 'state',
  disk: 'disk.qcow2',
  /** An empty layer over the disk, copied for each clone: ten times cheaper than making one. */
  overlay: 'overlay.qcow2',
  initrd: 'initrd',
  console: 'console.log',
  manifest: 'template.json',
  privateKey: 'id_ed25519',
} as const

/** What every guest is told at boot, whatever its image. */
const CMDLINE = ['console=ttyS0', 'panic=-1', '8250.nr_uarts=2']

/** The machine that boots in `directory`, and is frozen there. */
export function templateMachine(harness: Harness, guest: Guest, image: Image, directory: string): Machine {
  return {
    ...common(harness, guest),
    ram: { path: join(directory, FILES.ram), share: true },
    boot: kernelBoot(image, directory),
    disks: [{ id: 'disk0', layers: [{ path: join(directory, FILES.disk), format: 'qcow2' }, ...imageLayers(image)] }],
    consoleLog: join(directory, FILES.console),
  }
}

/** The machine that resumes the template in `templateDirectory` with its own memory and its own top layer, in `directory`. */
export function cloneMachine(
  harness: Harness,
  guest: Guest,
  image: Image,
  templateDirectory: string,
  directory: string,
): Machine {
  return {
    ...common(harness, guest),
    ram: { path: join(templateDirectory, FILES.ram), share: false },
    disks: cloneDisks(image, templateDirectory, directory),
    consoleLog: join(directory, FILES.console),
    incoming: true,
  }
}

/** The machine that a Vm becomes when it is powered on again: its own disk, fresh memory, the template's keys. */
export function rebootMachine(
  harness: Harness,
  guest: Guest,
  image: Image,
  templateDirectory: string,
  directory: string,
): Machine {
  return {
    ...common(harness, guest),
    boot: kernelBoot(image, templateDirectory),
    disks: cloneDisks(image, templateDirectory, directory),
    consoleLog: join(directory, FILES.console),
  }
}

function common(
  { qemu, accelerator }: Harness,
  guest: Guest,
): Pick<Machine, 'name' | 'type' | 'accelerator' | 'cpus' | 'memoryBytes'> {
  return {
    name: `mayfly-${guest.name}`,
    type: qemu.machine,
    accelerator: accelerator.kind,
    cpus: guest.cpus,
    memoryBytes: guest.memoryBytes,
  }
}

function kernelBoot(image: Image, seededInitrdDirectory: string): Machine['boot'] {
  return {
    kernel: image.kernel,
    initrd: join(seededInitrdDirectory, FILES.initrd),
    cmdline: [...CMDLINE, ...image.cmdline].join(' '),
  }
}

function cloneDisks(image: Image, templateDirectory: string, directory: string): DiskChain[] {
  return [
    {
      id: 'disk0',
      layers: [
        { path: join(directory, FILES.disk), format: 'qcow2' },
        { path: join(templateDirectory, FILES.disk), format: 'qcow2' },
        ...imageLayers(image),
      ],
    },
  ]
}

function imageLayers(image: Image): DiskChain['layers'] {
  return image.disk ? [image.disk] : []
}
