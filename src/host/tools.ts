import { MayflyError } from '../errors.js'
import { findExecutable, isExecutableFile } from './executable.js'
import { installHint } from './package-manager.js'
import { TOOLS } from './tool-table.js'

const found = new Map<string, string>()

/**
 * Absolute path of a program, through PATH and the sbin directories. Found once, it is remembered for the same PATH.
 * @throws MayflyError MAYFLY_TOOL_MISSING with the package that has it.
 */
export async function findTool(name: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const key = `${env.PATH}\0${name}`
  const known = found.get(key)
  // Checked again, for a long watch run may outlive a package.
  if (known && (await isExecutableFile(known))) return known
  const path = await findExecutable(name, env)
  if (!path) throw await toolMissing(name, env)
  found.set(key, path)
  return path
}

/** The error that says which package to install for `name`. */
export async function toolMissing(name: string, env: NodeJS.ProcessEnv = process.env): Promise<MayflyError> {
  const tool = TOOLS[name]
  return new MayflyError('MAYFLY_TOOL_MISSING', `${name} is not installed`, {
    details: [...(tool ? [`it ${tool.purpose}`] : []), `PATH=${env.PATH ?? ''}`],
    hint: tool ? await installHint([tool.packages], env) : `Install ${name}, or add its directory to PATH.`,
  })
}
