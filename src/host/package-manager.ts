import { findExecutable } from './executable.js'

/** Package managers we can name a command for, the first one present wins. */
export const PACKAGE_MANAGERS = {
  apt: { program: 'apt-get', install: 'apt-get install', needsRoot: true },
  dnf: { program: 'dnf', install: 'dnf install', needsRoot: true },
  pacman: { program: 'pacman', install: 'pacman -S', needsRoot: true },
  apk: { program: 'apk', install: 'apk add', needsRoot: true },
  brew: { program: 'brew', install: 'brew install', needsRoot: false },
} as const

export type PackageManager = keyof typeof PACKAGE_MANAGERS
/** What to install with each manager; several packages are separated by a space, absent means: not packaged there. */
export type PackageNames = { apt: string } & Partial<Record<PackageManager, string>>

/** The managers of this host, in order of preference. */
export async function presentPackageManagers(env: NodeJS.ProcessEnv = process.env): Promise<PackageManager[]> {
  const names = Object.keys(PACKAGE_MANAGERS) as PackageManager[]
  const found = await Promise.all(names.map((name) => findExecutable(PACKAGE_MANAGERS[name].program, env)))
  return names.filter((_, index) => found[index] !== undefined)
}

/** One command line that installs `packages` with `manager`, or undefined if it has none of them. */
export function installCommand(
  manager: PackageManager,
  packages: readonly PackageNames[],
  isRoot = process.getuid?.() === 0,
): string | undefined {
  const words = [...new Set(packages.flatMap((names) => names[manager]?.split(' ') ?? []))]
  if (words.length === 0) return undefined
  const { install, needsRoot } = PACKAGE_MANAGERS[manager]
  return `${needsRoot && !isRoot ? 'sudo ' : ''}${install} ${words.join(' ')}`
}

/** What to run for `packages` on this host; every known way if the host has no manager we know. */
export async function installHint(packages: readonly PackageNames[], env = process.env): Promise<string> {
  const [manager] = await presentPackageManagers(env)
  const own = manager && installCommand(manager, packages)
  if (own) return `Install it with: ${own}`
  const known = Object.keys(PACKAGE_MANAGERS) as PackageManager[]
  const ways = known.map((name) => installCommand(name, packages)).filter((command) => command !== undefined)
  return `Install it with your package manager, for example: ${ways.join('; or: ')}`
}
