import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProcessesByEnvironment, killAndWait } from '../../host/process-table.js'
import { closeSession } from '../../session/session.js'
import { type DataDirectory, dataDirectory } from '../data-directory.js'
import { machineNames } from '../find.js'
import { MACHINE_VARIABLE } from '../look.js'

export interface PrivateData extends AsyncDisposable {
  /** For files of the test's own. */
  root: string
  data: DataDirectory
  cacheDir: string
  /** The environment that makes a command use them. */
  env: { MAYFLY_DATA_DIR: string; MAYFLY_CACHE_DIR: string }
}

/** A place for named machines that are one test's. Whatever runs there is killed at its end: nobody else does that. */
export async function privateData(cacheDir?: string): Promise<PrivateData> {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-data-'))
  const env = { MAYFLY_DATA_DIR: join(root, 'data'), MAYFLY_CACHE_DIR: cacheDir ?? join(root, 'cache') }
  const data = dataDirectory(env)
  return {
    root,
    data,
    cacheDir: env.MAYFLY_CACHE_DIR,
    env,
    async [Symbol.asyncDispose]() {
      for (const name of await machineNames(data)) {
        await killAndWait(await findProcessesByEnvironment(MACHINE_VARIABLE, join(data.machines, name)), 10_000)
      }
      if (cacheDir === undefined) await closeSession(env.MAYFLY_CACHE_DIR)
      await rm(root, { recursive: true, force: true })
    },
  }
}
