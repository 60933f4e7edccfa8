import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { runTool } from '../host/run-tool.js'
import { findTool } from '../host/tools.js'
import type { CpioEntry } from './cpio.js'

export interface KernelModule {
  /** Name as the kernel has it, with underscores. */
  name: string
  /** The unpacked object, as insmod takes it. */
  content: Buffer
  depends: string[]
}

/**
 * Reads the named modules and all they depend on, dependencies first. Names that the kernel has built in, or does not
 * have, are left out: the set of loadable modules differs between releases.
 * @param directory `/lib/modules/<release>` of an unpacked kernel package.
 */
export async function selectModules(directory: string, names: readonly string[]): Promise<KernelModule[]> {
  const files = new Map<string, string>()
  for (const path of await readdir(directory, { recursive: true })) {
    const match = /([^/]+)\.ko(\.xz|\.zst)?$/.exec(path)
    if (match?.[1]) files.set(underscored(match[1]), join(directory, path))
  }
  const chosen = new Map<string, KernelModule>()
  const visit = async (name: string): Promise<void> => {
    const file = files.get(name)
    if (!file || chosen.has(name)) return
    const content = await readModule(file)
    const depends = dependenciesOf(content)
    for (const dependency of depends) await visit(dependency)
    chosen.set(name, { name, content, depends })
  }
  for (const name of names) await visit(underscored(name))
  return [...chosen.values()]
}

/** Those of `names` that are modules in this kernel, one per line. */
export function bootModules(modules: readonly KernelModule[], names: readonly string[]): string {
  return names.filter((name) => modules.some((module) => module.name === name)).join('\n')
}

/** The modules in one directory, with the index that modprobe reads. */
export function moduleEntries(release: string, modules: readonly KernelModule[]): CpioEntry[] {
  const directory = `usr/lib/modules/${release}`
  const index = modules.map(
    ({ name }) => `${[`${name}.ko:`, ...needs(name, modules).map((need) => `${need}.ko`)].join(' ')}\n`,
  )
  return [
    { type: 'directory', path: 'usr/lib/modules' },
    { type: 'directory', path: directory },
    ...modules.map(({ name, content }): CpioEntry => ({ type: 'file', path: `${directory}/${name}.ko`, content })),
    { type: 'file', path: `${directory}/modules.dep`, content: index.join('') },
  ]
}

/** All that a module needs, directly or not, what is to be loaded first at the end: modprobe resolves nothing itself. */
function needs(name: string, modules: readonly KernelModule[]): string[] {
  const wanted = new Set([name])
  // Dependencies stand before their users, so one walk from the end finds them all.
  for (const module of modules.toReversed())
    if (wanted.has(module.name)) for (const need of module.depends) wanted.add(need)
  return modules.toReversed().flatMap((module) => (module.name !== name && wanted.has(module.name) ? module.name : []))
}

async function readModule(path: string): Promise<Buffer> {
  if (path.endsWith('.ko')) return readFile(path)
  const tool = await findTool(path.endsWith('.xz') ? 'xz' : 'zstd')
  const { exitCode, stdout, stderr } = await runTool(tool, ['-dc', path])
  if (exitCode === 0) return stdout
  throw new MayflyError('MAYFLY_BUILD_FAILED', `cannot unpack ${path}`, { details: stderr.split('\n') })
}

/** The `depends=` string of the .modinfo section. */
function dependenciesOf(content: Buffer): string[] {
  const key = '\0depends='
  const start = content.indexOf(key)
  if (start < 0) return []
  const list = content.toString('latin1', start + key.length, content.indexOf(0, start + key.length))
  return list.split(',').filter(Boolean).map(underscored)
}

function underscored(name: string): string {
  return name.replaceAll('-', '_')
}
