import { MayflyError, messageOf } from '../errors.js'
import { type Check, fail, ok, warn } from './check.js'
import { findExecutable } from './executable.js'
import { type Arch, hostArch } from './host-arch.js'
import { installHint } from './package-manager.js'
import { findQemu } from './qemu-binary.js'
import { toolsFor } from './tool-table.js'

// Before 7.2 templates cannot be sealed the way Mayfly does.
const OLDEST_QEMU = [7, 2] as const

/** One check for QEMU, one for each other tool; the hint of a missing one installs all that are missing. */
export async function checkTools(env: NodeJS.ProcessEnv, arch: Arch = hostArch()): Promise<Check[]> {
  const tools = toolsFor(arch).filter(([name]) => !name.startsWith('qemu-system-'))
  const paths = await Promise.all(tools.map(([name]) => findExecutable(name, env)))
  const missing = tools.filter((_, index) => paths[index] === undefined)
  const hint =
    missing.length === 0
      ? ''
      : await installHint(
          missing.map(([, tool]) => tool.packages),
          env,
        )
  const checks = tools.map(([name, tool], index) => {
    const path = paths[index]
    if (path !== undefined) return ok(name, path)
    return (tool.need === 'run' ? fail : warn)(name, `missing; it ${tool.purpose}`, hint)
  })
  return [await checkQemu(arch, env), ...checks]
}

async function checkQemu(arch: Arch, env: NodeJS.ProcessEnv): Promise<Check> {
  try {
    const { path, version, machine } = await findQemu(arch, { env })
    const found = `${version} at ${path}, machine ${machine}`
    return isNewEnough(version)
      ? ok('qemu', found)
      : fail('qemu', found, `Install QEMU ${OLDEST_QEMU.join('.')} or later.`)
  } catch (error) {
    const { shortMessage, hint } =
      error instanceof MayflyError ? error : { shortMessage: messageOf(error), hint: undefined }
    return fail('qemu', shortMessage, hint)
  }
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > OLDEST_QEMU[0] || (major === OLDEST_QEMU[0] && minor >= OLDEST_QEMU[1])
}
