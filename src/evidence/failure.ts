import type { MayflyErrorCode } from '../errors.js'

/** Whose failure it is: the harness's and its host's, or that of what is tested, or of the test itself. */
export type Fault = 'harness' | 'product'

/** Nothing that a guest, or a test that uses the API as it is meant, does can bring these about. */
const HARNESS: ReadonlySet<string> = new Set<MayflyErrorCode>([
  'MAYFLY_BOOT_TIMEOUT',
  'MAYFLY_BUILD_FAILED',
  'MAYFLY_CACHE_UNUSABLE',
  'MAYFLY_CHECKPOINT_UNUSABLE',
  'MAYFLY_DOWNLOAD_FAILED',
  'MAYFLY_HOST_MEMORY',
  'MAYFLY_IMAGE_CHECKSUM_MISMATCH',
  'MAYFLY_IMAGE_CORRUPT',
  'MAYFLY_QEMU_EXITED',
  'MAYFLY_QEMU_SPAWN_FAILED',
  'MAYFLY_QMP_COMMAND_FAILED',
  'MAYFLY_SSH_FAILED',
  'MAYFLY_TEMPLATE_UNUSABLE',
  'MAYFLY_TOOL_MISSING',
])

/** The guest's own doing, whatever else it brought about. */
const PRODUCT: ReadonlySet<string> = new Set<MayflyErrorCode>(['MAYFLY_GUEST_DOWN', 'MAYFLY_GUEST_PANIC'])

/**
 * Tells whose failure an error is, by its code or that of what caused it; of several errors in one, the harness's wins.
 * @param error whatever was thrown, or what vitest made of it for its report.
 */
export function failureOf(error: unknown): Fault {
  return decisive(error, new Set()) ?? 'product'
}

function decisive(error: unknown, seen: Set<unknown>): Fault | undefined {
  if (typeof error !== 'object' || error === null || seen.has(error)) return undefined
  seen.add(error)
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown }
  if (typeof code === 'string') {
    if (PRODUCT.has(code)) return 'product'
    if (HARNESS.has(code)) return 'harness'
  }
  const below = [cause, ...(Array.isArray(errors) ? errors : [])].map((inner) => decisive(inner, seen))
  return below.find((fault) => fault === 'harness') ?? below.find((fault) => fault !== undefined)
}
