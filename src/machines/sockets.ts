import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { lstat, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { MayflyError } from '../errors.js'
import { SOCKETS } from '../qemu/argv.js'

/** Of sockaddr_un on every system that we run on, less the zero at its end. */
const LONGEST_PATH = 103
const LONGEST_NAME = Math.max(...Object.values(SOCKETS).map(({ length }) => length))

/**
 * Where a machine's sockets go: its own directory, or, if their paths would be too long, one of the user's own for short paths.
 * @throws MayflyError MAYFLY_CACHE_UNUSABLE when somebody else has that directory.
 */
export async function socketsDirectory(machine: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  if (Buffer.byteLength(machine) + 1 + LONGEST_NAME <= LONGEST_PATH) return machine
  const runtime = join(env.XDG_RUNTIME_DIR || tmpdir(), `mayfly-${process.getuid?.() ?? 0}`)
  const own = join(runtime, shortName(machine))
  for (const path of [runtime, own]) {
    await mkdir(path, { mode: 0o700 }).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
    const { uid, mode } = await lstat(path)
    // Anybody may make directories in /tmp, and be the first.
    if (uid === process.getuid?.() && (mode & 0o077) === 0) continue
    throw new MayflyError('MAYFLY_CACHE_UNUSABLE', `not a directory of yours alone: ${path}`, {
      hint: 'Set XDG_RUNTIME_DIR, or MAYFLY_DATA_DIR to a shorter path.',
    })
  }
  return own
}

/** Whether sockets are those of the machine in a directory, by whatever path; those of a machine that was copied are the first one's. */
export function areSocketsOf(machine: string, sockets: string): boolean {
  return sockets === machine || basename(sockets) === shortName(machine) || isSameDirectory(sockets, machine)
}

function shortName(machine: string): string {
  return createHash('sha256').update(machine).digest('hex').slice(0, 16)
}

function isSameDirectory(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }))
  return a !== undefined && a.ino === b?.ino && a.dev === b.dev
}
