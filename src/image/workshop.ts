import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryDirectory } from '../host/temporary-directory.js'

/** Where images are made, so that what is half-made goes with its maker, however that ends: a session (see session/session.ts). */
export interface Workshop {
  /** Finished parts are put together here, on the store's file system. */
  directory: string
  /** Starts the name of every directory that the session has in the system's temporary directory. */
  scratchPrefix: string
  /** Marks a child process as the session's. */
  childEnvironment(): NodeJS.ProcessEnv
}

/** One build, as its tools see it. */
export interface Build {
  log: (line: string) => void
  signal?: AbortSignal | undefined
  /** What every tool is started with. */
  env: NodeJS.ProcessEnv
  scratchPrefix: string
}

/** Gives `work` a directory that is gone afterwards. Not in the store: in a user namespace, mapped users could not get there. */
export async function withScratch<T>({ scratchPrefix }: Build, work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = await mkdtemp(join(temporaryDirectory(), scratchPrefix))
  try {
    return await work(scratch)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
