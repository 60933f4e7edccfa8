import { execFile } from 'node:child_process'
import { AbortController, clearTimeout, setTimeout } from '../node-globals.js'

export interface ToolOptions {
  /** Added to this process's environment. */
  env?: NodeJS.ProcessEnv | undefined
  timeoutMs?: number | undefined
}

export interface ToolResult {
  /** Undefined when a signal ended it, or when it did not start. */
  exitCode: number | undefined
  signal: NodeJS.Signals | undefined
  timedOut: boolean
  stdout: Buffer
  stderr: string
  /** Why it did not start. */
  error: Error | undefined
}

const MAX_OUTPUT = 256 * 1024 ** 2

/**
 * Runs a program to its end, whatever its exit code; it has no standard input. This is not execa: inside a test, that
 * makes its AbortControllers from the global class, which happy-dom and jsdom replace by one that Node rejects.
 */
export function runTool(program: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  const { env, timeoutMs } = options
  const late = new AbortController()
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => late.abort(), timeoutMs)
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      { env: { ...process.env, ...env }, encoding: 'buffer', maxBuffer: MAX_OUTPUT, signal: late.signal },
      (error, stdout, stderr) => {
        clearTimeout(timer)
        const started = child.pid !== undefined
        resolve({
          exitCode: started ? (child.exitCode ?? undefined) : undefined,
          signal: child.signalCode ?? undefined,
          timedOut: late.signal.aborted,
          stdout,
          stderr: stderr.toString().trimEnd(),
          error: error && !started ? error : undefined,
        })
      },
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end()
  })
}
