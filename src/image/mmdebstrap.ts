import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { MayflyError } from '../errors.js'
import { findTool } from '../host/tools.js'
import { clearTimeout, setTimeout } from '../node-globals.js'
import type { Build } from './workshop.js'

export interface MmdebstrapOptions {
  /** Debian release, such as `bookworm`. */
  suite: string
  /** Debian's name of it; default: the host's. Packages of another one can be unpacked, not installed. */
  architecture?: string | undefined
  /** `deb URI suite components` lines; none leaves the choice to mmdebstrap. */
  sources: readonly string[]
  /** `extract` only unpacks; `minbase` installs into a bootable system. */
  variant: 'extract' | 'minbase'
  packages: readonly string[]
  /** Path of the tar archive to write. */
  tarball: string
  /** Further arguments: hooks, dpkg options. */
  extra?: readonly string[]
}

const TAIL_LINES = 30
/** How long mmdebstrap may take to unmount and clean up after it was asked to stop. */
const STOP_GRACE_MS = 10_000

/** Whether this process builds as root, or in a user namespace. */
export function buildsAsRoot(): boolean {
  return process.getuid?.() === 0
}

/**
 * Runs mmdebstrap: as root if this process is, otherwise in a user namespace. It leaves nothing mounted when aborted:
 * its process group is asked to stop, and killed when it does not.
 * @throws MayflyError MAYFLY_BUILD_FAILED with the end of its output, MAYFLY_TOOL_MISSING, MAYFLY_ABORTED.
 */
export async function mmdebstrap(options: MmdebstrapOptions, build: Build): Promise<void> {
  const tool = await findTool('mmdebstrap')
  if (!buildsAsRoot()) await findTool('newuidmap')
  const args = [
    `--mode=${buildsAsRoot() ? 'root' : 'unshare'}`,
    `--variant=${options.variant}`,
    ...(options.architecture === undefined ? [] : [`--architectures=${options.architecture}`]),
    '--format=tar',
    `--include=${options.packages.join(',')}`,
    ...(options.extra ?? []),
    options.suite,
    options.tarball,
    ...options.sources,
  ]
  // Its own temporary directory goes with the scratch directory; but users of a namespace could not enter that one.
  await runGroup(tool, args, build, buildsAsRoot() ? { TMPDIR: dirname(options.tarball) } : {})
}

/**
 * Runs a build tool in a process group of its own, its output line by line to `log`.
 * @param variables added to its environment.
 * @throws MayflyError MAYFLY_BUILD_FAILED unless it exits 0, MAYFLY_ABORTED if the signal came first.
 */
export async function runGroup(
  command: string,
  args: readonly string[],
  { log, signal, env }: Pick<Build, 'log' | 'signal' | 'env'>,
  variables: NodeJS.ProcessEnv = {},
): Promise<void> {
  if (signal?.aborted) throw aborted(command, signal)
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...variables },
  })
  const tail: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line)
      if (tail.length > TAIL_LINES) tail.shift()
      log(line)
    })
  }
  let killer: NodeJS.Timeout | undefined
  const stop = () => {
    signalGroup(child.pid, 'SIGTERM')
    killer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), STOP_GRACE_MS)
  }
  // Without this a dying owner would leave the build running.
  const stopAtExit = () => signalGroup(child.pid, 'SIGTERM')
  signal?.addEventListener('abort', stop, { once: true })
  process.once('exit', stopAtExit)
  try {
    const status = await new Promise<string | undefined>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, name) => resolve(code === 0 ? undefined : name ? `signal ${name}` : `status ${code}`))
    })
    if (signal?.aborted) throw aborted(command, signal)
    if (status) {
      throw new MayflyError('MAYFLY_BUILD_FAILED', `${command} ended with ${status}`, {
        details: [`${command} ${args.join(' ')}`, ...tail],
        hint: 'The lines above are the end of its output; run the command by hand to see all of it.',
      })
    }
  } finally {
    clearTimeout(killer)
    signal?.removeEventListener('abort', stop)
    process.removeListener('exit', stopAtExit)
  }
}

function signalGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch {
    // The group has already gone.
  }
}

function aborted(command: string, signal: AbortSignal): MayflyError {
  return new MayflyError('MAYFLY_ABORTED', `${command} was stopped`, { cause: signal.reason })
}
