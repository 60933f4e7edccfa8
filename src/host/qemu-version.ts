import type { QemuBinary } from './qemu-binary.js'

/** Whether a QEMU is `major.minor` or later. What differs between versions is decided by this, never by trial. */
export function isQemuAtLeast({ version }: Pick<QemuBinary, 'version'>, major: number, minor: number): boolean {
  const [itsMajor = 0, itsMinor = 0] = version.split('.').map(Number)
  return itsMajor > major || (itsMajor === major && itsMinor >= minor)
}
