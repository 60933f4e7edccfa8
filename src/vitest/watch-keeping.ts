import { isMainThread } from 'node:worker_threads'
import { processStartTime } from '../host/process-table.js'
import type { Keeping } from '../keeper/kept-machines.js'
import { canStartKeeper } from '../keeper/start-keeper.js'

/** Who keeps machines between reruns, for the file that this worker runs; undefined if vitest does not watch, or it is not wanted. */
export function keepingOfWatch(): Keeping | undefined {
  const worker = (globalThis as { __vitest_worker__?: { config?: { watch?: boolean }; filepath?: string } })
    .__vitest_worker__
  if (!worker?.config?.watch || !worker.filepath || process.env.MAYFLY_WATCH_KEEPER === '0') return undefined
  // A forked worker is a child of vitest's main process, a thread is in it.
  const pid = isMainThread ? process.channel && process.ppid : process.pid
  const startTime = pid && processStartTime(pid)
  if (!startTime || !canStartKeeper()) return undefined
  return { owner: { pid, startTime }, file: worker.filepath }
}
