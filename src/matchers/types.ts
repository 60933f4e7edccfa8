import type { FileMode } from '../vm/resources/file-mode.js'
import type { EventuallyOptions } from './eventually.js'
import type { Pattern } from './text.js'

/** One look at the guest each. What does not hold is told with what is there instead. */
export interface GuestMatchers {
  /** A service that is active and has something running or listening; a process. */
  toBeRunning(): Promise<void>
  /** A service that was started and not stopped; a one-shot unit that remains is active, and not running. */
  toBeActive(): Promise<void>
  /** A service that starts at boot, or by what needs it. */
  toBeEnabled(): Promise<void>
  /** Anything but commands and ports. */
  toExist(): Promise<void>
  /** A regular file, perhaps through a link. */
  toBeFile(): Promise<void>
  /** A directory, perhaps through a link. */
  toBeDirectory(): Promise<void>
  /** By what the link says, or by the path that it leads to in the end. */
  toBeSymlinkTo(target: string): Promise<void>
  /** The content of a file, or what a command prints to stdout. */
  toContainText(text: Pattern): Promise<void>
  /** Permission bits: `0o644`, `'644'`, `'rw-r--r--'`, `'u=rw,go=r'`. */
  toHaveMode(mode: FileMode): Promise<void>
  /** `'user'`, `'user:group'`, `':group'`; names or numbers. */
  toBeOwnedBy(owner: string): Promise<void>
  /** In hex. */
  toHaveSha256(digest: string): Promise<void>
  /** A port that something listens on. */
  toBeListening(): Promise<void>
  /** In any version, or in one that starts like this: `1.22` is 1.22.1-9, and not 1.220. */
  toBeInstalled(version?: Pattern): Promise<void>
  toBeMounted(): Promise<void>
  /** The value of a kernel setting. */
  toHaveValue(value: Pattern | number): Promise<void>
  /** An interface that is on and has a carrier. */
  toBeUp(): Promise<void>
  /** With or without the length of the prefix: `10.0.2.15`, `10.0.2.15/24`. */
  toHaveAddress(address: string): Promise<void>
  toBeInGroup(group: string): Promise<void>
  /** A command that exits with 0. */
  toSucceed(): Promise<void>
  /** A command that exits with another code than 0, or is killed. */
  toFail(): Promise<void>
  toHaveExitCode(exitCode: number): Promise<void>
  /** All of it, but for the newline at the end; or a pattern in it. */
  toHaveStdout(output: Pattern): Promise<void>
  /** All of it, but for the newline at the end; or a pattern in it. */
  toHaveStderr(output: Pattern): Promise<void>
}

type WithOptions<Args extends unknown[]> = [] extends Args
  ? [options?: EventuallyOptions] | [...Args, options?: EventuallyOptions]
  : [...Args, options?: EventuallyOptions]

/** The same, looking again and again until it holds, or with `.not` until it does not. */
type EventualMatchers = {
  [Name in keyof GuestMatchers as Name extends `to${infer Rest}` ? `toEventually${Rest}` : never]: (
    ...args: WithOptions<Parameters<GuestMatchers[Name]>>
  ) => Promise<void>
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: vitest's own declaration has it
  interface Matchers<T = any> extends GuestMatchers, EventualMatchers {}
}
