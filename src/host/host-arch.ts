import { MayflyError } from '../errors.js'

/** Processor architectures that Mayfly runs guests of, by Node's names. */
export type Arch = 'x64' | 'arm64'

/**
 * This host's architecture.
 * @throws MayflyError MAYFLY_OPTION_INVALID on a host that is neither x64 nor arm64.
 */
export function hostArch(arch: string = process.arch): Arch {
  if (arch === 'x64' || arch === 'arm64') return arch
  throw new MayflyError('MAYFLY_OPTION_INVALID', `Mayfly does not run on ${arch}`, {
    hint: 'Use a host with an x64 (amd64) or arm64 processor.',
  })
}
