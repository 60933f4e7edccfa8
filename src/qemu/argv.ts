import type { AcceleratorKind } from '../host/accelerator.js'

/** Descriptors that QEMU inherits, by what they carry. */
export const CHANNEL_FDS = { qmp: 3, console: 4, agent: 5, state: 6 } as const

/** One disk as QEMU sees it: the writable layer, and what it is stacked on, nearest first. */
export interface DiskChain {
  id: string
  layers: readonly { path: string; format: 'qcow2' | 'raw' }[]
}

/** A machine in all that QEMU must be told. Two with equal argv, but for paths and `incoming`, can load each other's state. */
export interface Machine {
  name: string
  /** Versioned machine type, such as `pc-q35-7.2`. */
  type: string
  accelerator: AcceleratorKind
  cpus: number
  memoryBytes: number
  /** RAM as a file: shared while a template is made, private (copy-on-write) in its clones. Anonymous memory without one. */
  ram?: { path: string; share: boolean } | undefined
  /** Direct kernel boot. A clone has none: its kernel is in its RAM. */
  boot?: { kernel: string; initrd: string; cmdline: string } | undefined
  disks: readonly DiskChain[]
  /** The console is also written here by QEMU itself, so that it outlives us. */
  consoleLog: string
  /** Wait for device state instead of booting. */
  incoming?: boolean | undefined
}

const MAC = '52:54:00:6d:61:79'
/** Every device has a fixed slot: automatic ones move when a device is added, and then no state loads. */
const SLOT = { nic: 0x3, firstDisk: 0x8 } as const

/** QEMU's command line for a machine, without the program's name. */
export function qemuArgv(machine: Machine): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-name', escapeCommas(machine.name)],
    // What no test guest needs costs time to emulate, to probe and to load.
    ...[
      '-machine',
      `${machine.type},memory-backend=mem0,usb=off,sata=off,smbus=off,vmport=off,hpet=off,i8042=off,graphics=off`,
    ],
    ...['-accel', machine.accelerator === 'tcg' ? 'tcg,thread=multi,tb-size=128' : machine.accelerator],
    ...['-cpu', machine.accelerator === 'tcg' ? 'max' : 'host'],
    ...['-smp', `${machine.cpus}`],
    ...['-m', `${Math.ceil(machine.memoryBytes / 1024 ** 2)}M`],
    ...['-object', ram(machine)],
    // No boot menu wait, and a reset ends the process: Mayfly starts the next one (see vm/life.ts).
    ...['-boot', 'menu=off', '-action', 'reboot=shutdown', '-rtc', 'base=utc'],
    ...bootFiles(machine),
    ...['-chardev', `socket,id=qmp,fd=${CHANNEL_FDS.qmp}`, '-mon', 'chardev=qmp,mode=control'],
    ...[
      '-chardev',
      `socket,id=console,fd=${CHANNEL_FDS.console},logfile=${escapeCommas(machine.consoleLog)},logappend=on`,
    ],
    ...['-device', 'isa-serial,id=serial0,chardev=console,index=0'],
    ...['-chardev', `socket,id=agent,fd=${CHANNEL_FDS.agent}`],
    ...['-device', 'isa-serial,id=serial1,chardev=agent,index=1'],
    // Port 0: the kernel chooses, and QEMU is asked what it got.
    ...['-netdev', 'user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:0-:22'],
    ...['-device', device('virtio-net-pci', 'nic0', SLOT.nic, { netdev: 'net0', mac: MAC, romfile: '' })],
    ...machine.disks.flatMap((disk, index) => diskArgv(disk, SLOT.firstDisk + index)),
    ...(machine.incoming ? ['-incoming', 'defer'] : []),
  ]
}

function ram({ memoryBytes, ram: file }: Machine): string {
  const size = `id=mem0,size=${memoryBytes}`
  if (!file) return `memory-backend-ram,${size}`
  return `memory-backend-file,${size},mem-path=${escapeCommas(file.path)},share=${file.share ? 'on' : 'off'}`
}

function bootFiles({ boot }: Machine): string[] {
  return boot ? ['-kernel', boot.kernel, '-initrd', boot.initrd, '-append', boot.cmdline] : []
}

function diskArgv({ id, layers }: DiskChain, slot: number): string[] {
  return [
    '-blockdev',
    JSON.stringify({ 'node-name': id, ...blockNode(layers) }),
    '-device',
    device('virtio-blk-pci', `${id}-device`, slot, { drive: id }),
  ]
}

/** Backing files are named here rather than in the images' headers, so that a cache can be moved, and a header cannot point elsewhere. */
function blockNode([top, ...below]: DiskChain['layers']): object {
  const writable = { discard: 'unmap', 'detect-zeroes': 'unmap' }
  return {
    driver: top!.format,
    ...writable,
    // A power cut of the host costs the clone, which dies with it anyway: guest flushes need not reach the disk.
    cache: { 'no-flush': true },
    file: { driver: 'file', filename: top!.path, discard: 'unmap' },
    ...(top!.format === 'qcow2' ? { backing: below.length === 0 ? null : readOnlyNode(below) } : {}),
  }
}

function readOnlyNode([top, ...below]: DiskChain['layers']): object {
  return {
    driver: top!.format,
    'read-only': true,
    file: { driver: 'file', filename: top!.path, 'read-only': true },
    ...(top!.format === 'qcow2' ? { backing: below.length === 0 ? null : readOnlyNode(below) } : {}),
  }
}

function device(driver: string, id: string, slot: number, properties: Record<string, string>): string {
  const settings = Object.entries({ id, bus: 'pcie.0', addr: `0x${slot.toString(16)}`, ...properties })
  return [driver, ...settings.map(([key, value]) => `${key}=${value}`)].join(',')
}

/** QemuOpts splits at commas; a doubled one stands for itself. */
function escapeCommas(text: string): string {
  return text.replaceAll(',', ',,')
}
