import { createHash } from 'node:crypto'
import { lstat, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  const own = join(runtime, createHash('sha256').update(machine).digest('hex').slice(0, 16))
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
