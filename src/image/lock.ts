import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isError, MayflyError } from '../errors.js'

export interface LockOptions {
  /** Told once, when another process holds the lock. */
  onWait?: (() => void) | undefined
  signal?: AbortSignal | undefined
}

/**
 * Holds the lock file at `path` until the result is disposed of.
 * flock(1) holds it with its standard input on a pipe from us, so that the kernel lets go when this process dies, however it dies.
 * @throws MayflyError MAYFLY_ABORTED when the signal ends the wait, MAYFLY_TOOL_MISSING without flock.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<AsyncDisposable> {
  const { onWait, signal } = options
  const held = await tryFlock(path, ['--nonblock'], signal)
  if (held) return held
  onWait?.()
  const waited = await tryFlock(path, [], signal)
  if (waited) return waited
  throw new MayflyError('MAYFLY_CACHE_UNUSABLE', `could not lock ${path}`, {
    hint: 'Is the cache directory writable, and on a file system with flock?',
  })
}

async function tryFlock(path: string, flags: string[], signal?: AbortSignal): Promise<AsyncDisposable | undefined> {
  if (signal?.aborted) throw aborted(path, signal)
  // Detached: Ctrl-C in the terminal must not release the lock before its owner is done cleaning up.
  const child = spawn('flock', [...flags, '--no-fork', path, 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  })
  // A holder that was killed is told by its exit, not by a broken pipe.
  child.stdin.on('error', () => {})
  const exited = new Promise<'exited'>((resolve) => child.once('close', () => resolve('exited')))
  const failed = once(child, 'error').then(([error]) => error as Error)
  const abort = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', abort, { once: true })
  try {
    const outcome = await Promise.race([once(child.stdout, 'data').then(() => 'locked' as const), exited, failed])
    if (signal?.aborted) throw aborted(path, signal)
    if (isError(outcome)) {
      throw new MayflyError('MAYFLY_TOOL_MISSING', 'flock could not be started', {
        hint: 'Install util-linux (on Debian: sudo apt-get install util-linux).',
        cause: outcome,
      })
    }
    if (outcome === 'exited') return undefined
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}

function aborted(path: string, signal: AbortSignal): MayflyError {
  return new MayflyError('MAYFLY_ABORTED', `stopped waiting for the lock ${path}`, { cause: signal.reason })
}
