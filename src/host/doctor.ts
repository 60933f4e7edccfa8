import { availableParallelism } from 'node:os'
import { MayflyError, messageOf } from '../errors.js'
import { formatBytes, MIB } from '../units.js'
import { detectAccelerator } from './accelerator.js'
import { checkAptMirror } from './apt-mirror-check.js'
import { checkCacheDirectory } from './cache-directory-check.js'
import { type Check, fail, ok, warn } from './check.js'
import { hostCpuIdentity } from './cpu.js'
import { hostMemory, memoryBudget } from './memory.js'
import { checkTools } from './tool-checks.js'
import { checkUserNamespaces } from './user-namespace-check.js'

export type { Check } from './check.js'

export interface DiagnoseOptions {
  cacheDir: string
  env?: NodeJS.ProcessEnv
}

const OLDEST_NODE = [20, 19] as const
// What one default guest takes.
const LEAST_BUDGET = 512 * MIB

/** What this host has of what Mayfly needs. Changes nothing, and never throws: what breaks is a failed check. */
export async function diagnose({ cacheDir, env = process.env }: DiagnoseOptions): Promise<Check[]> {
  const groups = await Promise.all([
    checked('node', () => checkNode(process.versions.node)),
    checked('tools', () => checkTools(env)),
    checked('accelerator', () => checkAccelerator(env)),
    checked('cores', checkCores),
    checked('memory', () => checkMemory(env)),
    checked('cache directory', () => checkCacheDirectory(cacheDir)),
    checked('user namespaces', () => checkUserNamespaces()),
    checked('apt mirror', () => checkAptMirror()),
  ])
  return groups.flat()
}

/** Whether Node is new enough. */
export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const enough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])
  return enough ? ok('node', version) : fail('node', version, `Install Node ${OLDEST_NODE.join('.')} or later.`)
}

function checkAccelerator(env: NodeJS.ProcessEnv): Check {
  const { kind, reason, timeoutScale, fix } = detectAccelerator(env)
  if (kind !== 'tcg') return ok('accelerator', `${kind}: ${reason}`)
  return warn('accelerator', `tcg: ${reason}; slower, and default timeouts are ${timeoutScale} times as long`, fix)
}

function checkCores(): Check {
  return ok('cores', `${availableParallelism()}, ${hostCpuIdentity().model}`)
}

function checkMemory(env: NodeJS.ProcessEnv): Check {
  const { total, available } = hostMemory()
  const budget = memoryBudget(env)
  const found = `${formatBytes(available)} of ${formatBytes(total)} available, guests may use ${formatBytes(budget)}`
  if (budget >= LEAST_BUDGET) return ok('memory', found)
  return warn('memory', found, 'Free some memory, or set MAYFLY_MEMORY_BUDGET.')
}

// One check that breaks must not hide what the others found.
async function checked(name: string, check: () => Check | Promise<Check | Check[]>): Promise<Check[]> {
  try {
    return [await check()].flat()
  } catch (error) {
    return [error instanceof MayflyError ? fail(name, error.shortMessage, error.hint) : fail(name, messageOf(error))]
  }
}
