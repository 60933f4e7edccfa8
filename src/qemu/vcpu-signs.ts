/** What one processor of a machine was seen to do. */
export interface VcpuSign {
  /** It runs a program, not the kernel. */
  program: boolean
  /** It waits for an interrupt, as the idle kernel does. */
  idle: boolean
  /** Whether `idle` can be seen: a processor that was stopped for good looks the same on some. */
  idleIsKnown: boolean
  /** Another one whenever the kernel goes on with another program; undefined where it is not shown. */
  addressSpace: string | undefined
}

/** RFLAGS: interrupts are let in. A kernel that stops a processor for good has switched them off. */
const INTERRUPTS = 0x200

/** Reads what QEMU's `info registers -a` prints, of x86-64 or aarch64. */
export function vcpuSigns(registers: string): readonly VcpuSign[] {
  return registers
    .split(/^CPU#\d+/m)
    .slice(1)
    .map((text) => {
      const x86 = /\b[RE]FL=([0-9a-f]+) .*\bCPL=(\d).*\bHLT=(\d)/.exec(text)
      if (!x86) return { program: /\bEL0t\b/.test(text), idle: false, idleIsKnown: false, addressSpace: undefined }
      const [, flags, level, halted] = x86
      const idle = halted === '1' && (Number.parseInt(flags!, 16) & INTERRUPTS) !== 0
      return { program: level === '3', idle, idleIsKnown: true, addressSpace: /\bCR3=([0-9a-f]+)/.exec(text)?.[1] }
    })
}
