import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import { CPUINFO, cpuFlags, readCpuinfo } from './cpuinfo.js'

export interface CpuIdentity {
  /** The model's name, or implementer and part where it has no name (arm64). */
  model: string
  /** First 16 hex digits of SHA-256 over the sorted feature flags. */
  flagsHash: string
}

const known = new Map<string, CpuIdentity>()

/** What a frozen guest may depend on in this host's processor; equal on equal hosts, read once per process. */
export function hostCpuIdentity(cpuinfoPath: string = CPUINFO): CpuIdentity {
  const cached = known.get(cpuinfoPath)
  if (cached) return cached
  const fields = readCpuinfo(cpuinfoPath)
  const arm = ['CPU implementer', 'CPU architecture', 'CPU variant', 'CPU part'].flatMap(
    (name) => fields.get(name) ?? [],
  )
  const x86 = fields.get('model name')
  const identity = {
    model: x86 ?? (arm.length > 0 ? `arm ${arm.join(' ')}` : (cpus()[0]?.model ?? process.arch)),
    flagsHash: createHash('sha256').update(cpuFlags(fields).sort().join(' ')).digest('hex').slice(0, 16),
  }
  known.set(cpuinfoPath, identity)
  return identity
}
