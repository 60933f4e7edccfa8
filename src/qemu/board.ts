import type { Arch } from '../host/host-arch.js'
import type { Machine } from './argv.js'

/** What differs between the machines that QEMU has for each architecture. */
interface Board {
  /** Options of the machine type. What no test guest needs costs time to emulate, to probe and to load. */
  options(machine: Machine): string
  /** The processor under software emulation. */
  emulatedCpu: string
  /** The serial port that is the console, and the one that is the agent's line; the character devices are there already. */
  console: readonly string[]
  agent: readonly string[]
}

/** Every device has a fixed slot, see argv.ts. */
const AGENT_SLOT = '0x4'

export const BOARDS: Record<Arch, Board> = {
  x64: {
    options: ({ display }) => {
      const human = display ? 'on' : 'off'
      return `usb=off,sata=off,smbus=off,vmport=off,hpet=off,i8042=${human},graphics=${human}`
    },
    emulatedCpu: 'max',
    console: ['-device', 'isa-serial,id=serial0,chardev=console,index=0'],
    agent: ['-device', 'isa-serial,id=serial1,chardev=agent,index=1'],
  },
  arm64: {
    options: () => 'usb=off',
    // `max` computes the pointer authentication that a guest then uses everywhere.
    emulatedCpu: 'cortex-a72',
    // The board has one serial port of its own.
    console: ['-serial', 'chardev:console'],
    agent: ['-device', `pci-serial,id=serial1,bus=pcie.0,addr=${AGENT_SLOT},chardev=agent`],
  },
}
