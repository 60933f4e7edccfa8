import { expect, test } from 'vitest'
import { type Machine, qemuArgv } from './argv.js'

const machine: Machine = {
  name: 'mayfly-test',
  arch: 'x64',
  type: 'pc-q35-7.2',
  accelerator: 'tcg',
  cpus: 2,
  memoryBytes: 256 * 1024 ** 2,
  ram: { path: '/cache/a,b/ram', share: true },
  boot: { kernel: '/k', initrd: '/i', cmdline: 'console=ttyS0' },
  disks: [
    {
      id: 'disk0',
      layers: [
        { path: '/top', format: 'qcow2' },
        { path: '/base', format: 'raw' },
      ],
    },
  ],
  network: { mode: 'user' },
  consoleLog: '/log',
}

const argumentOf = (argv: string[], option: string) => argv[argv.indexOf(option) + 1]

test('a clone differs from its template only in what need not match', () => {
  const template = qemuArgv(machine)
  const { boot, ...withoutBoot } = machine
  const clone = qemuArgv({ ...withoutBoot, ram: { path: '/cache/a,b/ram', share: false }, incoming: 'migration' })
  const onlyIn = (one: string[], other: string[]) => one.filter((word) => !other.includes(word))
  expect(onlyIn(template, clone)).toEqual([
    expect.stringContaining('share=on'),
    '-kernel',
    boot!.kernel,
    '-initrd',
    boot!.initrd,
    '-append',
    boot!.cmdline,
  ])
  expect(onlyIn(clone, template)).toEqual([expect.stringContaining('share=off'), '-incoming', 'defer'])
})

test('a comma in a path does not end an option', () => {
  expect(argumentOf(qemuArgv(machine), '-object')).toContain('mem-path=/cache/a,,b/ram,')
})

test('every device has an id and a fixed slot, and no port is chosen by us', () => {
  const argv = qemuArgv(machine)
  const pci = argv.filter((word) => word.startsWith('virtio-'))
  expect(pci.every((device) => /,id=[\w-]+,bus=pcie\.0,addr=0x/.test(device))).toBe(true)
  expect(argumentOf(argv, '-netdev')).toContain('hostfwd=tcp:127.0.0.1:0-:22')
})

test('the chain below the top layer is read-only, and named here rather than in headers', () => {
  const node = JSON.parse(argumentOf(qemuArgv(machine), '-blockdev')!)
  expect(node).toMatchObject({ 'node-name': 'disk0-1', driver: 'qcow2', file: { filename: '/top' } })
  expect(node.backing).toMatchObject({ driver: 'raw', 'read-only': true, file: { filename: '/base' } })
})

test('an accelerated guest has the processor of its host', () => {
  expect(argumentOf(qemuArgv({ ...machine, accelerator: 'kvm' }), '-cpu')).toBe('host')
})

test('a display is asked for, has a place of its own, and serves nobody', () => {
  expect(qemuArgv(machine).join(' ')).toMatch(/i8042=off,graphics=off/)
  expect(qemuArgv(machine)).not.toContain('-vnc')
  const argv = qemuArgv({ ...machine, display: true })
  expect(argv.join(' ')).toMatch(/i8042=on,graphics=on/)
  expect(argv).toContainEqual(expect.stringMatching(/^VGA,id=display0,bus=pcie\.0,addr=0x2,/))
  expect(argumentOf(argv, '-vnc')).toBe('none,password=on')
})

test('a machine on its own listens, resets itself, and keeps what is flushed', () => {
  const argv = qemuArgv({ ...machine, standalone: { sockets: '/run/a,b' } })
  expect(argv).toContain('socket,id=qmp,path=/run/a,,b/qmp.sock,server=on,wait=off')
  expect(argv).toContain('socket,id=console,path=/run/a,,b/console.sock,server=on,wait=off,logfile=/log,logappend=on')
  expect(argumentOf(argv, '-action')).toBe('reboot=reset')
  expect(JSON.parse(argumentOf(argv, '-blockdev')!).cache).toEqual({ 'no-flush': false })
})

test('a card on a bridge has an interface and an address of its own; without a network there is no card', () => {
  const card = { mode: 'tap', bridge: 'br0', interface: 'mayfly0', mac: '52:54:01:02:03:04' } as const
  const onBridge = qemuArgv({ ...machine, network: card })
  // What its template's network has in the state must have a place to go.
  expect(onBridge).toContainEqual(expect.stringMatching(/^user,id=sealed0,/))
  expect(argumentOf(onBridge, '-netdev')).toBe('tap,id=net0,ifname=mayfly0,script=no,downscript=no')
  expect(onBridge).toContainEqual(expect.stringMatching(/^virtio-net-pci,.*addr=0x3,.*mac=52:54:01:02:03:04/))
  const alone = qemuArgv({ ...machine, network: { mode: 'none' } }).join(' ')
  expect(alone).not.toMatch(/netdev|virtio-net/)
})

test('aarch64 has another board: its own serial port, and one on PCI for the agent', () => {
  const argv = qemuArgv({ ...machine, arch: 'arm64', type: 'virt-7.2' })
  expect(argumentOf(argv, '-machine')).toBe('virt-7.2,memory-backend=mem0,usb=off')
  expect(argumentOf(argv, '-serial')).toBe('chardev:console')
  expect(argv).toContainEqual(expect.stringMatching(/^pci-serial,id=serial1,bus=pcie\.0,addr=0x4,chardev=agent$/))
  expect(argv.join(' ')).not.toContain('isa-')
})

test('firmware boots the first disk; UEFI has flash, of which its variables can be written', () => {
  const bios = qemuArgv({ ...machine, boot: undefined, firmware: 'bios' })
  expect(bios).toContainEqual(expect.stringMatching(/^virtio-blk-pci,id=disk0-device,.*bootindex=1$/))
  expect(argumentOf(bios, '-machine')).not.toContain('pflash')
  expect(qemuArgv(machine).join(' ')).not.toContain('bootindex')
  const uefi = qemuArgv({ ...machine, boot: undefined, firmware: { code: '/OVMF_CODE.fd', vars: '/vars,1.fd' } })
  expect(argumentOf(uefi, '-machine')).toMatch(/,pflash0=flash0,pflash1=flash1/)
  const nodes = uefi.filter((_, index) => uefi[index - 1] === '-blockdev').map((json) => JSON.parse(json))
  expect(nodes).toContainEqual({
    'node-name': 'flash0',
    driver: 'raw',
    'read-only': true,
    file: { driver: 'file', filename: '/OVMF_CODE.fd', 'read-only': true },
  })
  expect(nodes).toContainEqual(expect.objectContaining({ 'node-name': 'flash1', 'read-only': false }))
})

test('a seed is the last disk, and cannot be written to', () => {
  const argv = qemuArgv({ ...machine, seed: '/seed.iso' })
  const drives = argv.filter((word) => word.startsWith('virtio-blk-pci'))
  expect(drives.at(-1)).toBe('virtio-blk-pci,id=seed0-device,bus=pcie.0,addr=0x10,drive=seed0')
  expect(JSON.parse(argv[argv.indexOf(drives.at(-1)!) - 2]!)).toMatchObject({ 'node-name': 'seed0', 'read-only': true })
})
