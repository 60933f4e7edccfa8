import type { Access } from '../guest/access.js'
import type { Harness } from '../session/harness.js'

/** Ample for any guest that works: what is being waited for is a guest that does not. */
const BOOT_TIMEOUT_MS = 45_000

/** The same for one with a boot loader, an initrd for any machine, and cloud-init. */
const CLOUD_BOOT_TIMEOUT_MS = 90_000

/** How long a cold boot may take on this host, in ms. */
export function bootTimeoutMs({ accelerator }: Harness, { firmware, cloudInit }: Partial<Access> = {}): number {
  return (firmware || cloudInit ? CLOUD_BOOT_TIMEOUT_MS : BOOT_TIMEOUT_MS) * accelerator.timeoutScale
}
