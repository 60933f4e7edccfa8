import { type Accelerator, detectAccelerator } from '../host/accelerator.js'
import { findQemu, type QemuBinary } from '../host/qemu-binary.js'
import { defaultCacheDir, openStore, type Store } from '../image/store.js'
import { currentSession, type Session } from './session.js'

/** What every machine of this process is made with. */
export interface Harness {
  store: Store
  session: Session
  qemu: QemuBinary
  accelerator: Accelerator
}

/**
 * This process's harness in a cache directory.
 * @throws MayflyError MAYFLY_CACHE_UNUSABLE, MAYFLY_TOOL_MISSING, MAYFLY_OPTION_INVALID (MAYFLY_ACCEL).
 */
export async function openHarness(cacheDir: string = defaultCacheDir()): Promise<Harness> {
  const accelerator = detectAccelerator()
  const store = await openStore(cacheDir)
  const [session, qemu] = await Promise.all([currentSession(store), findQemu(undefined, { cacheDir: store.root })])
  return { store, session, qemu, accelerator }
}
