import { expect, test } from 'vitest'
import { checksumOf, parseChecksum } from './checksum.js'
import { findChecksum } from './checksum-file.js'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const LONG = 'C'.repeat(128)
const URL_ = 'https://example.org/images/disk.qcow2'
const SUMS = 'https://example.org/images/SHA256SUMS'

test.each([
  ['sha256sum, binary', `${B} *other.qcow2\n${A} *disk.qcow2\n`],
  ['sha256sum, text', `${A}  disk.qcow2\n${B}  disk.qcow2.sig\n`],
  ['Windows line ends', `${A}  disk.qcow2\r\n`],
  ['paths', `${A}  ./disk.qcow2\n`],
  ['directories of which one is ours', `${B}  daily/disk.qcow2\n${A}  images/disk.qcow2\n`],
  ['BSD', `SHA256 (disk.qcow2) = ${A}\nSHA256 (other) = ${B}\n`],
  ['OpenSSL', `SHA256(disk.qcow2)= ${A}\n`],
  [
    'Fedora',
    `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# disk.qcow2: 532217856 bytes\nSHA256 (disk.qcow2) = ${A}\n# x.raw.xz: 1 bytes\nSHA256 (x.raw.xz) = ${B}\n-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCAAdFiEEsPLf\n=5Ei1\n-----END PGP SIGNATURE-----\n`,
  ],
  [
    'weaker ones beside it',
    `MD5 (disk.qcow2) = ${'1'.repeat(32)}\nSHA1 (disk.qcow2) = ${'2'.repeat(40)}\nSHA256 (disk.qcow2) = ${A}\n`,
  ],
  ['both kinds', `SHA512 (disk.qcow2) = ${LONG}\nSHA256 (disk.qcow2) = ${A}\n`],
  ['another directory alone', `${A}  daily/disk.qcow2\n${B}  daily/other.qcow2\n`],
  ['absolute paths', `${B}  /srv/out/other.qcow2\n${A}  /srv/out/disk.qcow2\n`],
  ['OpenSSL, paths', `SHA256(out/other.qcow2)= ${B}\nSHA256(out/disk.qcow2)= ${A}\n`],
  ['a byte order mark', `\ufeff${A}  disk.qcow2\r\n`],
  ['line ends of the old Mac', `${B}  other.qcow2\r${A}  disk.qcow2\r`],
  ['capital letters', `${A.toUpperCase()}  disk.qcow2\n`],
  ['the same twice', `${A}  disk.qcow2\n${A} *disk.qcow2\n`],
])('a checksum file: %s', (_, text) => {
  expect(findChecksum(text, SUMS, URL_)).toEqual({ algorithm: 'sha256', hex: A })
})

test.each([
  ['a hash and nothing else', `${LONG}\n`, `${URL_}.sha512`],
  ['a hash and nothing else, wherever it is', `${LONG}`, 'https://example.org/sum'],
  ['the name of a build in the image’s own file', `${LONG}  disk-1.2.3-Build4.qcow2\n`, `${URL_}.sha512`],
  ['SHA-512', `SHA512 (disk.qcow2) = ${LONG}\n`, SUMS],
])('a checksum file: %s', (_, text, from) => {
  expect(findChecksum(text, from, URL_)).toEqual({ algorithm: 'sha512', hex: LONG.toLowerCase() })
})

test.each([
  ['nothing of the file', `${A}  other.qcow2\n`],
  ['only names that end alike', `${A}  mydisk.qcow2\n`],
  ['only weak ones', `${'1'.repeat(32)}  disk.qcow2\n`],
  ['a hash of another length than it says', `SHA256 (disk.qcow2) = ${LONG}\n`],
  ['a web page', '<html><body>404</body></html>'],
  ['nothing', ''],
])('a checksum file that has %s', (_, text) => {
  expect(() => findChecksum(text, SUMS, URL_)).toThrow('has no SHA-256 or SHA-512 of')
})

test('a checksum file that contradicts itself', () => {
  expect(() => findChecksum(`${A}  disk.qcow2\n${B}  disk.qcow2\n`, SUMS, URL_)).toThrow('several checksums')
  expect(() => findChecksum(`${A}  a/disk.qcow2\n${B}  b/disk.qcow2\n`, SUMS, URL_)).toThrow('several checksums')
})

test('a name with what only looks like an escape', () => {
  expect(findChecksum(`${A}  100%.img`, 'https://a.test/SUMS', 'https://a.test/100%.img').hex).toBe(A)
})

test('a name with characters that addresses escape', () => {
  const found = findChecksum(`${A}  my disk+1.qcow2\n`, SUMS, 'https://example.org/images/my%20disk+1.qcow2')
  expect(found.hex).toBe(A)
})

test.each([A, `sha256:${A}`, `SHA256:${A.toUpperCase()}`, ` ${A} `])('%j is a checksum', (text) => {
  expect(parseChecksum(text)).toEqual({ algorithm: 'sha256', hex: A })
})

test.each(['', 'abc', `sha512:${A}`, `md5:${'1'.repeat(32)}`, `${A}x`, `sha256:${A}:`])('%j is none', (text) => {
  expect(() => parseChecksum(text)).toThrow(expect.objectContaining({ code: 'MAYFLY_OPTION_INVALID' }))
  expect(checksumOf(text)).toBeUndefined()
})
