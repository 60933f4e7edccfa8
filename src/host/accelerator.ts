import { closeSync, constants, openSync } from 'node:fs'
import { errnoOf, MayflyError } from '../errors.js'
import { CPUINFO, cpuFlags, readCpuinfo } from './cpuinfo.js'
import type { Arch } from './host-arch.js'

export const ACCELERATORS = ['kvm', 'tcg', 'hvf'] as const
export type AcceleratorKind = (typeof ACCELERATORS)[number]

export interface Accelerator {
  kind: AcceleratorKind
  /** One clause for people: why this one. */
  reason: string
  /** Every default timeout is multiplied by this: software emulation is several times slower. */
  timeoutScale: number
  /** What to do for a faster one, where that is known. */
  fix?: string
}

/** Where the facts are read from; tests give their own files. */
export interface AcceleratorHost {
  kvmPath: string
  cpuinfoPath: string
  platform: string
  /** Node's name: `x64`, `arm64`. */
  arch: string
}

// A guest that boots in 2-3 s under KVM takes 8-12 s under TCG on the same cores.
const TCG_TIMEOUT_SCALE = 4

/**
 * The fastest accelerator that can be expected to work here, or the one that MAYFLY_ACCEL asks for.
 * @throws MayflyError MAYFLY_OPTION_INVALID for an unknown MAYFLY_ACCEL, or one that this host does not have.
 */
export function detectAccelerator(
  env: NodeJS.ProcessEnv = process.env,
  host: Partial<AcceleratorHost> = {},
): Accelerator {
  const facts = { kvmPath: '/dev/kvm', cpuinfoPath: CPUINFO, platform: process.platform, arch: process.arch, ...host }
  const wanted = env.MAYFLY_ACCEL
  if (wanted) return forced(wanted, facts)
  if (facts.platform === 'darwin') return accelerator('hvf', 'macOS has the Hypervisor framework')
  const obstacle = kvmDeviceObstacle(facts) ?? virtualisationObstacle(facts)
  return obstacle
    ? { ...accelerator('tcg', obstacle.reason), fix: obstacle.fix }
    : accelerator('kvm', `${facts.kvmPath} opens read-write`)
}

/** What runs guests of another architecture than the host's. */
export function emulation(arch: Arch): Accelerator {
  return accelerator('tcg', `guests of ${arch} are emulated on this host`)
}

interface Obstacle {
  reason: string
  fix: string
}

function forced(wanted: string, facts: AcceleratorHost): Accelerator {
  if (!isAccelerator(wanted)) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `MAYFLY_ACCEL is ${JSON.stringify(wanted)}`, {
      hint: `Set it to one of ${ACCELERATORS.join(', ')}, or unset it to let Mayfly choose.`,
    })
  }
  if (wanted === 'tcg') return accelerator('tcg', 'MAYFLY_ACCEL=tcg')
  if (wanted === 'hvf') {
    if (facts.platform === 'darwin') return accelerator('hvf', 'MAYFLY_ACCEL=hvf')
    throw new MayflyError('MAYFLY_OPTION_INVALID', `MAYFLY_ACCEL=hvf, but this is ${facts.platform}, not macOS`, {
      hint: 'Set it to kvm or tcg, or unset it to let Mayfly choose.',
    })
  }
  const missing = kvmDeviceObstacle(facts)
  if (missing) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `MAYFLY_ACCEL=kvm, but ${missing.reason}`, { hint: missing.fix })
  }
  // Whoever asks by name is believed about the processor, for the flags can be hidden from a container.
  const doubt = virtualisationObstacle(facts)
  return accelerator('kvm', doubt ? `MAYFLY_ACCEL=kvm, although ${doubt.reason}` : 'MAYFLY_ACCEL=kvm')
}

function kvmDeviceObstacle({ kvmPath, platform }: AcceleratorHost): Obstacle | undefined {
  if (platform !== 'linux') return { reason: `KVM needs Linux, this is ${platform}`, fix: 'Unset MAYFLY_ACCEL.' }
  try {
    closeSync(openSync(kvmPath, constants.O_RDWR))
    return undefined
  } catch (error) {
    return deviceObstacle(kvmPath, errnoOf(error) ?? String(error))
  }
}

function deviceObstacle(kvmPath: string, errno: string): Obstacle {
  if (errno === 'ENOENT') {
    return {
      reason: `${kvmPath} does not exist`,
      fix: 'Enable virtualisation in the firmware and load kvm_intel or kvm_amd; in a virtual machine enable nested virtualisation; in a container pass --device /dev/kvm.',
    }
  }
  if (errno === 'EACCES' || errno === 'EPERM') {
    return {
      reason: `${kvmPath} may not be opened by this user (${errno})`,
      fix: `Join its group (sudo usermod -aG kvm $USER, then log in again), or on CI add the udev rule KERNEL=="kvm", GROUP="kvm", MODE="0666".`,
    }
  }
  return {
    reason: `${kvmPath} does not open (${errno})`,
    fix: 'The kernel has no working KVM; in a virtual machine enable nested virtualisation.',
  }
}

function virtualisationObstacle({ cpuinfoPath, kvmPath, arch }: AcceleratorHost): Obstacle | undefined {
  if (arch !== 'x64') return undefined
  const flags = cpuFlags(readCpuinfo(cpuinfoPath))
  if (flags.includes('vmx') || flags.includes('svm')) return undefined
  return {
    reason: `${kvmPath} opens but the processor shows neither vmx nor svm, and guests would hang`,
    fix: 'Enable virtualisation in the firmware, or nested virtualisation in the hypervisor.',
  }
}

function accelerator(kind: AcceleratorKind, reason: string): Accelerator {
  return { kind, reason, timeoutScale: kind === 'tcg' ? TCG_TIMEOUT_SCALE : 1 }
}

function isAccelerator(value: string): value is AcceleratorKind {
  return (ACCELERATORS as readonly string[]).includes(value)
}
