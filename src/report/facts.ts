import { availableParallelism, hostname, type } from 'node:os'
import { detectAccelerator } from '../host/accelerator.js'
import { hostCpuIdentity } from '../host/cpu.js'
import { hostMemory } from '../host/memory.js'
import { findQemu } from '../host/qemu-binary.js'
import { formatBytes } from '../units.js'
import type { Fact } from './model.js'

/** Where the run was, and with what. A fact that cannot be had is left out. */
export async function runFacts(versions: { vitest: string; machines: boolean }): Promise<Fact[]> {
  const facts: [string, () => string | Promise<string>][] = [
    ['Host', () => `${hostname()}, ${type()} ${process.arch}`],
    ['Cores', () => `${availableParallelism()}, ${hostCpuIdentity().model}`],
    ['Memory', () => formatBytes(hostMemory().total)],
  ]
  if (versions.machines) {
    facts.push(['Accelerator', () => detectAccelerator().kind], ['QEMU', async () => (await findQemu()).version])
  }
  facts.push(['Node', () => process.versions.node], ['vitest', () => versions.vitest])
  const found = await Promise.all(
    facts.map(([, value]) =>
      Promise.resolve()
        .then(value)
        .catch(() => undefined),
    ),
  )
  return facts.flatMap(([label], index) => {
    const value = found[index]
    return value ? [{ label, value }] : []
  })
}
