import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CgroupMemory {
  /** The tightest limit on this process, in bytes; Infinity without one. */
  limit: number
  /** What may still be taken below every limit, page cache that can be dropped counted as free; Infinity without one. */
  available: number
}

/** Where the facts are read from; tests give their own files. */
export interface CgroupPaths {
  cgroupPath: string
  mountinfoPath: string
}

const FILES = {
  v1: { limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes', reclaimable: 'total_inactive_file' },
  v2: { limit: 'memory.max', usage: 'memory.current', reclaimable: 'inactive_file' },
} as const

// cgroup v1 has no word for unlimited, it shows the largest page-aligned number.
const UNLIMITED = 2 ** 60

/** Memory limits of the control groups that this process is in, of either version, ancestors included. */
export function cgroupMemory(paths: Partial<CgroupPaths> = {}): CgroupMemory {
  const { cgroupPath = '/proc/self/cgroup', mountinfoPath = '/proc/self/mountinfo' } = paths
  const groups = parseCgroups(read(cgroupPath))
  const result = { limit: Number.POSITIVE_INFINITY, available: Number.POSITIVE_INFINITY }
  for (const mount of parseMounts(read(mountinfoPath))) {
    const group = groups.get(mount.version)
    if (group === undefined) continue
    for (const directory of upwards(mount, group)) {
      const { limit, usage, reclaimable } = FILES[mount.version]
      const bound = Number.parseInt(read(join(directory, limit)), 10)
      if (!(bound < UNLIMITED)) continue
      const used = Number.parseInt(read(join(directory, usage)), 10) || 0
      const droppable = Number(
        new RegExp(`^${reclaimable} (\\d+)$`, 'm').exec(read(join(directory, 'memory.stat')))?.[1] ?? 0,
      )
      result.limit = Math.min(result.limit, bound)
      result.available = Math.min(result.available, Math.max(0, bound - Math.max(0, used - droppable)))
    }
  }
  return result
}

interface Mount {
  version: keyof typeof FILES
  /** The group that is mounted, seen from the hierarchy's root. */
  root: string
  point: string
}

// cgroups(7): `0::/path` is version 2, `4:memory:/path` is version 1.
function parseCgroups(text: string): Map<keyof typeof FILES, string> {
  const groups = new Map<keyof typeof FILES, string>()
  for (const line of text.split('\n')) {
    const [, id, controllers = '', path = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (id === '0' && controllers === '') groups.set('v2', path)
    else if (controllers.split(',').includes('memory')) groups.set('v1', path)
  }
  return groups
}

// proc_pid_mountinfo(5): id parent major:minor root point options [optional...] - type source superOptions
function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line): Mount[] => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '/', point = ''] = before.split(' ').map(unescapeOctal)
    const [type, , superOptions = ''] = after.split(' ')
    if (type === 'cgroup2') return [{ version: 'v2', root, point }]
    return type === 'cgroup' && superOptions.split(',').includes('memory') ? [{ version: 'v1', root, point }] : []
  })
}

// A limit may sit on any ancestor, up to what the mount shows.
function upwards({ root, point }: Mount, group: string): string[] {
  const inside = root === '/' ? group : group === root || group.startsWith(`${root}/`) ? group.slice(root.length) : ''
  const names = inside.split('/').filter((name) => name !== '' && name !== '..')
  return Array.from({ length: names.length + 1 }, (_, count) => join(point, ...names.slice(0, count)))
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
