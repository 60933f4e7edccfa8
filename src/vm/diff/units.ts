import type { UnitFacts } from './machine-diff.js'

interface UnitSections {
  /** Paths of unit files and of links, a tab, and where the link points; by systemd's order of directories. */
  files: string
  /** Paths of files that have a section for `systemctl enable`. */
  installable: string
  /** `systemctl list-units`. */
  loaded: string
}

const UNIT = /\.(service|socket|timer|path|mount|automount|swap|target)$/
const DIRECTORIES =
  /^(\/etc\/systemd\/system|\/run\/systemd\/\w+|\/usr\/local\/lib\/systemd\/system|(?:\/usr)?\/lib\/systemd\/system)\/(?:([^/]+)\.(?:wants|requires|upholds)\/)?([^/]+)$/

/** Every unit that there is a file of, or that is not at rest; one that is not loaded is inactive. */
export function unitsOf({ files, installable, loaded }: UnitSections): Map<string, UnitFacts> {
  const links = files.split('\n').flatMap((line) => {
    const [path = '', target = ''] = line.split('\t')
    const [, directory, wanting, name] = DIRECTORIES.exec(path) ?? []
    return directory !== undefined && UNIT.test(name!) ? [{ path, target, directory, wanting, name: name! }] : []
  })
  const wanted = new Map(
    links.filter((link) => isEnabling(link)).map(({ directory, ...link }) => [unitBehind(link), directory]),
  )
  const canBeEnabled = new Set(installable.split('\n'))
  const units = new Map<string, UnitFacts>()
  for (const { path, target, directory, wanting, name } of links) {
    // A file hides those of its name in later directories.
    if (wanting !== undefined || units.has(name)) continue
    units.set(name, { enabled: enabledAs(), state: atRest(name) })

    function enabledAs(): string {
      if (target === '/dev/null') return 'masked'
      if (target !== '' && baseOf(target) !== name) return 'alias'
      if (directory === '/run/systemd/generator') return 'generated'
      const by = wanted.get(name)
      if (by !== undefined) return by.startsWith('/run/') ? 'enabled-runtime' : 'enabled'
      return canBeEnabled.has(path) ? 'disabled' : 'static'
    }
  }
  for (const line of loaded.split('\n')) {
    const [unit = '', load, active = '', sub = ''] = line.trim().split(/\s+/)
    const state = unit.endsWith('.service') ? `${active} (${sub})` : active
    const known = units.get(unit)
    if (known) known.state = state
    else if (unit !== '' && load !== 'not-found' && state !== atRest(unit)) units.set(unit, { enabled: '', state })
  }
  return units
}

interface Link {
  directory: string
  wanting: string | undefined
  name: string
  target: string
}

/** What `systemctl enable` makes: links beside what wants a unit, and other names of it. */
function isEnabling({ directory, wanting, name, target }: Link): boolean {
  if (directory !== '/etc/systemd/system' && directory !== '/run/systemd/system') return false
  if (target === '' || target === '/dev/null') return false
  return wanting !== undefined || baseOf(target) !== name
}

/** An instance is enabled by its template. */
function unitBehind({ wanting, name, target }: Omit<Link, 'directory'>): string {
  return wanting === undefined ? baseOf(target) : name.replace(/@.+(\.\w+)$/, '@$1')
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function atRest(unit: string): string {
  return unit.endsWith('.service') ? 'inactive (dead)' : 'inactive'
}
