import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silent } from '../../../host/progress.js'
import { Session } from '../../../session/session.js'
import { openStore, type Store } from '../../store.js'
import type { DownloadOptions } from '../download.js'

export interface PrivateStore extends AsyncDisposable {
  store: Store
  session: Session
  /** What downloads of a test need: quick to give a connection up, and to try again. */
  options: DownloadOptions
}

/** A cache directory and a session of a test's own; at `root`, if that is there already. */
export async function privateStore(root?: string): Promise<PrivateStore> {
  const directory = root ?? (await mkdtemp(join(tmpdir(), 'mayfly-download-')))
  const store = await openStore(directory)
  const session = await Session.open(store)
  return {
    store,
    session,
    options: {
      store,
      workshop: session,
      progress: silent,
      stallMs: 1000,
      persistence: { attempts: 4, backoffMs: 2, patienceMs: 2000 },
    },
    async [Symbol.asyncDispose]() {
      await session.close()
      if (root === undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}
