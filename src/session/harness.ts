import { type Accelerator, detectAccelerator, emulation } from '../host/accelerator.js'
import { type Arch, hostArch } from '../host/host-arch.js'
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
 * @param arch of the guests; those of another architecture than the host's are emulated.
 * @throws MayflyError MAYFLY_CACHE_UNUSABLE, MAYFLY_TOOL_MISSING, MAYFLY_OPTION_INVALID (MAYFLY_ACCEL).
 */
export async function openHarness(cacheDir: string = defaultCacheDir(), arch: Arch = hostArch()): Promise<Harness> {
  const store = await openStore(cacheDir)
  const [session, emulator] = await Promise.all([currentSession(store), findEmulator(store.root, arch)])
  return { store, session, ...emulator }
}

/** What runs guests of an architecture on this host. @throws MayflyError MAYFLY_TOOL_MISSING, MAYFLY_OPTION_INVALID (MAYFLY_ACCEL). */
export async function findEmulator(cacheDir: string, arch: Arch): Promise<Pick<Harness, 'qemu' | 'accelerator'>> {
  const isHosts = arch === hostArch()
  const accelerator = isHosts ? detectAccelerator() : emulation(arch)
  // What it names runs guests of this host's architecture.
  const { MAYFLY_QEMU: _named, ...emulating } = process.env
  return { accelerator, qemu: await findQemu(arch, { cacheDir, env: isHosts ? process.env : emulating }) }
}
