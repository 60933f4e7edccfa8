import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { errnoOf, MayflyError } from '../errors.js'
import { findExecutable } from './executable.js'
import { type Arch, hostArch } from './host-arch.js'
import { readCachedQemu, writeCachedQemu } from './qemu-binary-cache.js'
import { probeQemu } from './qemu-probe.js'
import { findTool } from './tools.js'

export interface QemuBinary {
  /** Absolute path. */
  path: string
  /** `7.2.22`. */
  version: string
  /** First line of `--version`, with the distribution's own revision. */
  versionLabel: string
  /** Changes whenever the file does: `<bytes>-<mtime in ns>`. */
  identity: string
  /** Versioned machine type behind the alias: `pc-q35-7.2`, `virt-7.2`. */
  machine: string
}

export interface FindQemuOptions {
  /** Where what was found out is kept for the next process; without it, only this process remembers. */
  cacheDir?: string | undefined
  /** `MAYFLY_QEMU` names another binary, by path or by a name on PATH. */
  env?: NodeJS.ProcessEnv
}

const PROGRAMS: Record<Arch, string> = { x64: 'qemu-system-x86_64', arm64: 'qemu-system-aarch64' }
const MACHINE_ALIASES: Record<Arch, string> = { x64: 'q35', arm64: 'virt' }
const known = new Map<string, Promise<QemuBinary>>()

/**
 * The QEMU that runs guests of `arch`. QEMU is started only if this file was not seen before.
 * @throws MayflyError MAYFLY_TOOL_MISSING if there is none or it may not be executed,
 *   MAYFLY_QEMU_SPAWN_FAILED with its stderr if it does not answer as a QEMU of `arch` does.
 */
export async function findQemu(arch: Arch = hostArch(), options: FindQemuOptions = {}): Promise<QemuBinary> {
  const { cacheDir, env = process.env } = options
  const path = env.MAYFLY_QEMU ? await overridden(env.MAYFLY_QEMU, env) : await findTool(PROGRAMS[arch], env)
  const { size, mtimeNs } = await stat(path, { bigint: true })
  const identity = `${size}-${mtimeNs}`
  const key = `${MACHINE_ALIASES[arch]} ${identity} ${path}`
  const answer = known.get(key) ?? find(key, { path, identity }, MACHINE_ALIASES[arch], cacheDir)
  known.set(key, answer)
  // A failure may be passing, such as a host out of memory.
  answer.catch(() => known.delete(key))
  return { ...(await answer) }
}

async function find(
  key: string,
  file: { path: string; identity: string },
  machineAlias: string,
  cacheDir: string | undefined,
): Promise<QemuBinary> {
  const cached = cacheDir && (await readCachedQemu(cacheDir, key))
  if (cached) return { ...file, ...cached }
  const facts = await probeQemu(file.path, machineAlias)
  if (cacheDir) await writeCachedQemu(cacheDir, key, facts)
  return { ...file, ...facts }
}

async function overridden(value: string, env: NodeJS.ProcessEnv): Promise<string> {
  const path = value.includes('/') ? value : await findExecutable(value, env)
  const problem = path === undefined ? 'is not on PATH' : await obstacle(path)
  if (path !== undefined && problem === undefined) return path
  throw new MayflyError('MAYFLY_TOOL_MISSING', `MAYFLY_QEMU=${value} ${problem}`, {
    hint: 'Point it at a QEMU system emulator such as /usr/bin/qemu-system-x86_64, or unset it.',
  })
}

async function obstacle(path: string): Promise<string | undefined> {
  if (!isAbsolute(path)) return 'is not an absolute path'
  try {
    if (!(await stat(path)).isFile()) return 'is not a file'
    await access(path, constants.X_OK)
    return undefined
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? 'does not exist' : `may not be executed (${errnoOf(error)})`
  }
}
