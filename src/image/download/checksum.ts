import { MayflyError } from '../../errors.js'

/** Those that publishers of images use and that nobody can forge. */
export type ChecksumAlgorithm = 'sha256' | 'sha512'

export interface Checksum {
  algorithm: ChecksumAlgorithm
  /** Lower case. */
  hex: string
}

const LENGTHS = { sha256: 64, sha512: 128 } as const

/** The checksum that so many hexadecimal digits are, if they are one. */
export function checksumOf(hex: string, algorithm?: string): Checksum | undefined {
  if (!/^[0-9a-f]+$/i.test(hex)) return undefined
  const kinds = Object.keys(LENGTHS) as ChecksumAlgorithm[]
  const found = kinds.find((kind) => LENGTHS[kind] === hex.length && kind === (algorithm ?? kind))
  return found && { algorithm: found, hex: hex.toLowerCase() }
}

/**
 * A checksum as users write it: `sha256:<hex>`, `sha512:<hex>`, or the digits alone.
 * @throws MayflyError MAYFLY_OPTION_INVALID.
 */
export function parseChecksum(text: string): Checksum {
  const [, algorithm, hex = ''] = /^(?:(\w+):)?(.*)$/s.exec(text.trim()) ?? []
  const checksum = checksumOf(hex, algorithm?.toLowerCase())
  if (checksum) return checksum
  throw new MayflyError('MAYFLY_OPTION_INVALID', `not a checksum: ${JSON.stringify(text)}`, {
    hint: 'Give 64 hexadecimal digits for SHA-256 or 128 for SHA-512, or the URL of the publisher’s checksum file.',
  })
}

export function sameChecksum(a: Checksum, b: Checksum): boolean {
  return a.algorithm === b.algorithm && a.hex === b.hex
}
