import { join } from 'node:path'
import type { AcceleratorKind } from '../host/accelerator.js'
import type { Arch } from '../host/host-arch.js'
import { BOARDS } from './board.js'
import { flashArgv, flashOptions, rawFile, type Uefi } from './firmware-argv.js'

/** Descriptors that QEMU inherits, by what they carry. */
export const CHANNEL_FDS = { qmp: 3, console: 4, agent: 5, state: 6 } as const

/** Sockets that a QEMU on its own listens on, by what they carry. Each serves one client at a time; `status` is for short looks. */
export const SOCKETS = { qmp: 'qmp.sock', status: 'status.sock', console: 'console.sock', agent: 'agent.sock' } as const

export interface DiskLayer {
  path: string
  format: 'qcow2' | 'raw'
}

/** One disk as QEMU sees it: the writable layer, and what it is stacked on, nearest first. */
export interface DiskChain {
  id: string
  layers: readonly DiskLayer[]
}

/**
 * How a saved machine's state was written: `migration`, by QEMU's `migrate` with whatever RAM is not in a shared file;
 * `devices`, by `xen-save-devices-state`, which writes no RAM and no description of the machine.
 */
export type StateKind = 'migration' | 'devices'

/**
 * What a machine's network card is connected to: QEMU's own network, a tap interface that QEMU makes, and that goes when it ends,
 * or nothing, when there is no card.
 */
export type NetworkCard =
  | { mode: 'user' }
  | { mode: 'none' }
  | { mode: 'tap'; bridge: string; leases?: string | undefined; interface: string; mac: string }

/** A machine in all that QEMU must be told. Two with equal argv, but for paths and `incoming`, can load each other's state. */
export interface Machine {
  name: string
  arch: Arch
  /** Versioned machine type, such as `pc-q35-7.2`. */
  type: string
  accelerator: AcceleratorKind
  cpus: number
  memoryBytes: number
  /** RAM as a file: shared while a template is made, private (copy-on-write) in its clones. Anonymous memory without one. */
  ram?: { path: string; share: boolean } | undefined
  /** Direct kernel boot. A clone has none: its kernel is in its RAM. */
  boot?: { kernel: string; initrd: string; cmdline: string } | undefined
  /** What starts the boot loader of the first disk. Clones have it as well: the flash of UEFI is a device. */
  firmware?: 'bios' | Uefi | undefined
  disks: readonly DiskChain[]
  /** A read-only disk besides, for cloud-init: an image in one file. */
  seed?: string | undefined
  network: NetworkCard
  /** A screen, and a keyboard on a PS/2 port. */
  display?: boolean | undefined
  /** The console is also written here by QEMU itself, so that it outlives us. */
  consoleLog: string
  /** Wait for state of this kind instead of booting. */
  incoming?: StateKind | undefined
  /** Outlives whoever starts it: it is spoken to through sockets in this directory, its resets are its own, and its disk keeps what the guest flushes. */
  standalone?: { sockets: string } | undefined
}

const MAC = '52:54:00:6d:61:79'
/** Every device has a fixed slot: automatic ones move when a device is added, and then no state loads. */
const SLOT = { display: 0x2, nic: 0x3, firstDisk: 0x8, seed: 0x10 } as const

/** QEMU's command line for a machine, without the program's name. */
export function qemuArgv(machine: Machine): string[] {
  const board = BOARDS[machine.arch]
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-name', escapeCommas(machine.name)],
    ...[
      '-machine',
      `${machine.type},memory-backend=mem0,${board.options(machine)}${flashOptions(machine.firmware)}${machine.incoming === 'devices' ? ',suppress-vmdesc=on' : ''}`,
    ],
    ...['-accel', machine.accelerator === 'tcg' ? 'tcg,thread=multi,tb-size=128' : machine.accelerator],
    ...['-cpu', machine.accelerator === 'tcg' ? board.emulatedCpu : 'host'],
    ...['-smp', `${machine.cpus}`],
    ...['-m', `${Math.ceil(machine.memoryBytes / 1024 ** 2)}M`],
    ...['-object', ram(machine)],
    // No boot menu wait, and a reset ends the process: Mayfly starts the next one (see vm/life.ts).
    ...['-boot', 'menu=off', '-action', `reboot=${machine.standalone ? 'reset' : 'shutdown'}`, '-rtc', 'base=utc'],
    ...bootFiles(machine),
    ...flashArgv(machine.firmware),
    ...['-chardev', line(machine, 'qmp'), '-mon', 'chardev=qmp,mode=control'],
    ...(machine.standalone ? ['-chardev', line(machine, 'status'), '-mon', 'chardev=status,mode=control'] : []),
    ...['-chardev', `${line(machine, 'console')},logfile=${escapeCommas(machine.consoleLog)},logappend=on`],
    ...board.console,
    ...['-chardev', line(machine, 'agent')],
    ...board.agent,
    ...networkArgv(machine.network),
    ...(machine.display ? displayArgv() : []),
    ...machine.disks.flatMap((disk, index) => diskArgv(machine, disk, index)),
    ...seedArgv(machine.seed),
    ...incoming(machine),
  ]
}

function networkArgv(network: NetworkCard): string[] {
  if (network.mode === 'none') return []
  // Port 0: the kernel chooses, and QEMU is asked what it got.
  if (network.mode === 'user') return ['-netdev', 'user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:0-:22', ...nic(MAC)]
  return [
    ...['-netdev', `tap,id=net0,ifname=${network.interface},script=no,downscript=no`],
    ...nic(network.mac),
    // Connected to nothing: the network that the template was made with has a section in its state.
    ...['-netdev', 'user,id=sealed0,ipv6=off,restrict=on'],
  ]
}

function nic(mac: string): string[] {
  return ['-device', device('virtio-net-pci', 'nic0', SLOT.nic, { netdev: 'net0', mac, romfile: '' })]
}

function incoming({ incoming: kind }: Machine): string[] {
  if (kind === undefined) return []
  // What `xen-save-devices-state` writes begins without the section that describes the machine.
  return ['-incoming', 'defer', ...(kind === 'devices' ? ['-global', 'migration.send-configuration=off'] : [])]
}

/** A way to talk to it: an inherited socket, or one that it listens on. */
function line({ standalone }: Machine, id: keyof typeof SOCKETS): string {
  if (!standalone) return `socket,id=${id},fd=${CHANNEL_FDS[id as keyof typeof CHANNEL_FDS]}`
  return `socket,id=${id},path=${escapeCommas(join(standalone.sockets, SOCKETS[id]))},server=on,wait=off`
}

/** The name of the block node of a disk's layer, counted from the bottom: the same whatever comes to lie above it. */
export function nodeName(disk: string, fromBottom: number): string {
  return `${disk}-${fromBottom}`
}

/** The card that every kernel can write text on. Nobody is served by VNC until there is an address for it, and then with a password only. */
function displayArgv(): string[] {
  return ['-device', device('VGA', 'display0', SLOT.display, { vgamem_mb: '8' }), '-vnc', 'none,password=on']
}

function ram({ memoryBytes, ram: file }: Machine): string {
  const size = `id=mem0,size=${memoryBytes}`
  if (!file) return `memory-backend-ram,${size}`
  return `memory-backend-file,${size},mem-path=${escapeCommas(file.path)},share=${file.share ? 'on' : 'off'}`
}

function bootFiles({ boot }: Machine): string[] {
  return boot ? ['-kernel', boot.kernel, '-initrd', boot.initrd, '-append', boot.cmdline] : []
}

function diskArgv({ firmware, standalone }: Machine, { id, layers }: DiskChain, index: number): string[] {
  const drive = nodeName(id, layers.length - 1)
  // A kernel that is booted directly has the first place.
  const bootindex: Record<string, string> = firmware && index === 0 ? { bootindex: '1' } : {}
  return [
    '-blockdev',
    JSON.stringify(diskNode(id, layers, standalone !== undefined)),
    '-device',
    device('virtio-blk-pci', `${id}-device`, SLOT.firstDisk + index, { drive, ...bootindex }),
  ]
}

/** Behind the other disks, so that theirs are the names that they have without it. */
function seedArgv(path: string | undefined): string[] {
  if (path === undefined) return []
  return [
    '-blockdev',
    rawFile('seed0', path, true),
    '-device',
    device('virtio-blk-pci', 'seed0-device', SLOT.seed, { drive: 'seed0' }),
  ]
}

/** A disk's layers as QEMU's block nodes. They are named here rather than in the images' headers, so that a cache can be moved, and a header cannot point elsewhere. */
function diskNode(id: string, [top, ...below]: readonly DiskLayer[], durable: boolean): object {
  return { ...writableNode(nodeName(id, below.length), top!, durable), ...backing(id, top!, below) }
}

/** A layer to write to, without what it is stacked on. @param durable what the guest flushes reaches the disk. */
export function writableNode(name: string, { path, format }: DiskLayer, durable = false): object {
  return {
    'node-name': name,
    driver: format,
    discard: 'unmap',
    'detect-zeroes': 'unmap',
    // A power cut of the host costs the clone, which dies with it anyway: guest flushes need not reach the disk.
    cache: { 'no-flush': !durable },
    file: { driver: 'file', filename: path, discard: 'unmap' },
  }
}

function readOnlyNode(id: string, [top, ...below]: readonly DiskLayer[]): object {
  return {
    'node-name': nodeName(id, below.length),
    driver: top!.format,
    'read-only': true,
    file: { driver: 'file', filename: top!.path, 'read-only': true },
    ...backing(id, top!, below),
  }
}

function backing(id: string, { format }: DiskLayer, below: readonly DiskLayer[]): object {
  if (format !== 'qcow2') return {}
  return { backing: below.length === 0 ? null : readOnlyNode(id, below) }
}

function device(driver: string, id: string, slot: number, properties: Record<string, string>): string {
  const settings = Object.entries({ id, bus: 'pcie.0', addr: `0x${slot.toString(16)}`, ...properties })
  return [driver, ...settings.map(([key, value]) => `${key}=${value}`)].join(',')
}

/** QemuOpts splits at commas; a doubled one stands for itself. */
function escapeCommas(text: string): string {
  return text.replaceAll(',', ',,')
}
