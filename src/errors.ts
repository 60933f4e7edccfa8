import { types } from 'node:util'
import { shown } from './shown-text.js'

/** Every way Mayfly fails, as a stable code that a program may switch on. */
export type MayflyErrorCode =
  | 'MAYFLY_ABORTED'
  | 'MAYFLY_BOOT_TIMEOUT'
  | 'MAYFLY_BUILD_FAILED'
  | 'MAYFLY_CACHE_UNUSABLE'
  | 'MAYFLY_CHECKPOINT_UNUSABLE'
  | 'MAYFLY_COMMAND_FAILED'
  | 'MAYFLY_COMMAND_TIMEOUT'
  | 'MAYFLY_CONSOLE'
  | 'MAYFLY_DOWNLOAD_FAILED'
  | 'MAYFLY_FILE_TRANSFER_FAILED'
  | 'MAYFLY_GUEST_DOWN'
  | 'MAYFLY_GUEST_INVALID'
  | 'MAYFLY_GUEST_PANIC'
  | 'MAYFLY_HOST_MEMORY'
  | 'MAYFLY_IMAGE_CHECKSUM_MISMATCH'
  | 'MAYFLY_IMAGE_CORRUPT'
  | 'MAYFLY_IMAGE_NOT_FOUND'
  | 'MAYFLY_INVARIANT_BROKEN'
  | 'MAYFLY_LEAKED'
  | 'MAYFLY_NETWORK_UNUSABLE'
  | 'MAYFLY_NO_NETWORK'
  | 'MAYFLY_OPTION_INVALID'
  | 'MAYFLY_OUTPUT_TOO_LARGE'
  | 'MAYFLY_QEMU_EXITED'
  | 'MAYFLY_QEMU_SPAWN_FAILED'
  | 'MAYFLY_QMP_COMMAND_FAILED'
  | 'MAYFLY_RESOURCE_MISSING'
  | 'MAYFLY_RESOURCE_UNSUPPORTED'
  | 'MAYFLY_SSH_FAILED'
  | 'MAYFLY_TEMPLATE_UNUSABLE'
  | 'MAYFLY_TOOL_MISSING'
  | 'MAYFLY_VMFILE_INVALID'
  | 'MAYFLY_VM_RESTORED'
  | 'MAYFLY_VM_STATE'
  | 'MAYFLY_WAIT_TIMEOUT'

export interface MayflyErrorOptions {
  /** Evidence, one line each: what was seen, where. */
  details?: readonly string[] | undefined
  /** What the reader can do about it. */
  hint?: string | undefined
  cause?: unknown
}

/** A failure of the harness or the host. Its message is the short message, the details and the hint, one below the other. */
export class MayflyError extends Error {
  override readonly name: string = 'MayflyError'
  readonly code: MayflyErrorCode
  readonly shortMessage: string
  readonly details: readonly string[]
  readonly hint: string | undefined

  constructor(code: MayflyErrorCode, shortMessage: string, options: MayflyErrorOptions = {}) {
    // Guests and servers have a hand in all of it, and terminals execute what they are sent.
    const message = shown(shortMessage)
    const details = (options.details ?? []).map(shown)
    const hint = options.hint === undefined ? undefined : shown(options.hint)
    super(
      render(code, message, details, hint),
      options.cause === undefined ? undefined : { cause: shownCause(options.cause) },
    )
    this.code = code
    this.shortMessage = message
    this.details = details
    this.hint = hint
  }

  /** What a test runner prints below causes and unhandled errors: the message has all the rest. */
  toJSON(): { name: string; code: MayflyErrorCode; message: string } {
    const { name, code, message } = this
    return { name, code, message }
  }

  /** The same failure with more evidence below it. */
  withDetails(details: readonly string[]): MayflyError {
    const Same = this.constructor as typeof MayflyError
    return new Same(this.code, this.shortMessage, {
      details: [...this.details, ...details],
      hint: this.hint,
      cause: this.cause,
    })
  }
}

/** An assertion about the guest that did not hold: the product failed, not the harness. */
export class GuestAssertionError extends MayflyError {
  override readonly name = 'GuestAssertionError'
}

// Also recognises the errors of another copy of Mayfly: in vitest's vm pools each test file has one of its own.
for (const branded of [MayflyError, GuestAssertionError]) {
  const brand = Symbol.for(`mayfly.${branded.name}`)
  Object.defineProperty(branded.prototype, brand, { value: true })
  Object.defineProperty(branded, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      // A subclass that a user derives has no brand of its own.
      if (this !== branded) return Function.prototype[Symbol.hasInstance].call(this, value)
      return typeof value === 'object' && value !== null && brand in value
    },
  })
}

function render(code: string, message: string, details: readonly string[], hint: string | undefined): string {
  const lines = [`${message} [${code}]`, ...details.map((line) => `  ${line}`)]
  if (hint) lines.push(`  Hint: ${hint}`)
  return lines.join('\n')
}

/** Whether it is an error of any JavaScript context: those of Node's modules come from another one in vitest's vm pools. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value) || Object.prototype.toString.call(value) === DOM_EXCEPTION
}

const DOM_EXCEPTION = '[object DOMException]'

/** What another library has thrown may repeat what a server says. */
function shownCause(cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof MayflyError) return cause
  const { message, stack = message } = cause
  if (shown(message) === message && shown(stack) === stack) return cause
  const same = Object.assign(new Error(shown(message)), cause, { stack: shown(stack) })
  Object.setPrototypeOf(same, Object.getPrototypeOf(cause))
  if (cause.cause !== undefined) same.cause = shownCause(cause.cause)
  return same
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown)
}

/** The errno code (`ENOENT`, `EACCES`, ...) of a thrown system error, if it is one. */
export function errnoOf(thrown: unknown): string | undefined {
  return isError(thrown) ? (thrown as NodeJS.ErrnoException).code : undefined
}
