import type { Harness } from '../session/harness.js'

/** Ample for any guest that works: what is being waited for is a guest that does not. */
const BOOT_TIMEOUT_MS = 45_000

/** How long a cold boot may take on this host, in ms. */
export function bootTimeoutMs({ accelerator }: Harness): number {
  return BOOT_TIMEOUT_MS * accelerator.timeoutScale
}
