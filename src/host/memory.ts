import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { MayflyError } from '../errors.js'
import { formatBytes, KIB, MIB, toBytes } from '../units.js'
import { type CgroupPaths, cgroupMemory } from './cgroup-memory.js'

/** Where the facts are read from; tests give their own files. */
export interface MemoryHost extends CgroupPaths {
  meminfoPath: string
}

export interface HostMemory {
  /** Bytes this process tree could ever have: the host's memory, or its control group's limit. */
  total: number
  /** Bytes it could take now without swapping. */
  available: number
}

/** Part of the available memory that guests may fill; the rest is for QEMU itself, the tests and the page cache. */
export const GUEST_SHARE = 0.7

/** Memory of this host as far as its control groups let us have it. */
export function hostMemory(host: Partial<MemoryHost> = {}): HostMemory {
  const meminfo = readMeminfo(host.meminfoPath ?? '/proc/meminfo')
  const cgroup = cgroupMemory(host)
  const total = Math.min(meminfo.total, cgroup.limit)
  return { total, available: Math.min(total, meminfo.available, cgroup.available) }
}

/**
 * Bytes that all guests on this host may use together: MAYFLY_MEMORY_BUDGET (a number is in MiB), or a share of what is available.
 * @throws MayflyError MAYFLY_OPTION_INVALID unless MAYFLY_MEMORY_BUDGET is a size above zero.
 */
export function memoryBudget(env: NodeJS.ProcessEnv = process.env, host: Partial<MemoryHost> = {}): number {
  return explicitBudget(env) ?? Math.floor(hostMemory(host).available * GUEST_SHARE)
}

/**
 * Refuses a guest that this host can never hold, however many others end first.
 * @throws MayflyError MAYFLY_HOST_MEMORY with the figures.
 */
export function assertMemoryFits(
  bytes: number,
  env: NodeJS.ProcessEnv = process.env,
  host: Partial<MemoryHost> = {},
): void {
  const budget = explicitBudget(env)
  const { total, available } = hostMemory(host)
  const limit = Math.min(total, budget ?? total)
  if (bytes <= limit) return
  const details = [`host: ${formatBytes(total)} in all, ${formatBytes(available)} available`]
  if (budget !== undefined) details.push(`MAYFLY_MEMORY_BUDGET: ${formatBytes(budget)}`)
  throw new MayflyError(
    'MAYFLY_HOST_MEMORY',
    `A guest wants ${formatBytes(bytes)} of memory, and at most ${formatBytes(limit)} can be had here`,
    { details, hint: `Give the guest less memory${limit === budget ? ', or raise MAYFLY_MEMORY_BUDGET' : ''}.` },
  )
}

function explicitBudget(env: NodeJS.ProcessEnv): number | undefined {
  const text = env.MAYFLY_MEMORY_BUDGET?.trim()
  if (!text) return undefined
  const bytes = toBytes(/^\d+$/.test(text) ? Number(text) : text, MIB, 'MAYFLY_MEMORY_BUDGET')
  if (bytes > 0) return bytes
  throw new MayflyError('MAYFLY_OPTION_INVALID', 'MAYFLY_MEMORY_BUDGET is zero, so no guest could ever run', {
    hint: "Give a size such as '4GiB', or unset it.",
  })
}

function readMeminfo(path: string): HostMemory {
  try {
    const text = readFileSync(path, 'utf8')
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * KIB
    const [total, available] = [kib('MemTotal'), kib('MemAvailable')]
    if (total > 0 && available >= 0) return { total, available }
  } catch {
    // No /proc: macOS.
  }
  // Untested on macOS: it counts nearly all memory as used, so half of it is the better guess.
  return { total: totalmem(), available: Math.max(freemem(), totalmem() / 2) }
}
