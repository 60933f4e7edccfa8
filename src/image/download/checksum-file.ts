import { basename } from 'node:path'
import { MayflyError } from '../../errors.js'
import { URL } from '../../node-globals.js'
import { type Checksum, checksumOf } from './checksum.js'
import { unescaped } from './http.js'

interface Entry {
  /** Undefined where the line is a checksum and nothing else. */
  name: string | undefined
  checksum: Checksum
}

/**
 * What a publisher's checksum file says of the file at `url`. It takes what they write: lines of sha256sum(1) (`hash  name`,
 * `hash *name`), of BSD's sha256(1) (`SHA256 (name) = hash`, also within an OpenPGP signature, as Fedora has it), and a
 * hash alone; with paths, with a byte order mark. Signatures are not checked, MD5 and SHA-1 are passed over. SHA-256 is preferred, being the faster one.
 * @param from where the file is from.
 * @throws MayflyError MAYFLY_DOWNLOAD_FAILED when it says nothing of that file, or contradicts itself.
 */
export function findChecksum(text: string, from: string, url: string): Checksum {
  const entries = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n|\r/)
    .flatMap((line) => parseLine(line) ?? [])
  const path = unescaped(new URL(url).pathname)
  const inPlace = entries.filter(({ name }) => name !== undefined && path.endsWith(`/${name}`))
  // Else the file's name alone: directories are often those of the build.
  const named =
    inPlace.length > 0 ? inPlace : entries.filter(({ name }) => name !== undefined && basename(name) === basename(path))
  // The name of an image's own checksum file says which image it is for: what it says inside may be the name of a build.
  const own =
    new URL(from).pathname.startsWith(new URL(url).pathname) || entries.every(({ name }) => name === undefined)
  const found = named.length > 0 ? named : own && hasOneFile(entries) ? entries : []
  const best = found.filter(({ checksum }) => checksum.algorithm === 'sha256')
  const [first, ...others] = best.length > 0 ? best : found
  if (!first) {
    throw new MayflyError('MAYFLY_DOWNLOAD_FAILED', `the checksum file ${from} has no SHA-256 or SHA-512 of ${url}`, {
      details: entries.slice(0, 10).map(({ name = '(no name)', checksum }) => `${checksum.algorithm} of ${name}`),
    })
  }
  if (others.some(({ checksum }) => checksum.hex !== first.checksum.hex)) {
    throw new MayflyError('MAYFLY_DOWNLOAD_FAILED', `the checksum file ${from} has several checksums of ${url}`, {
      details: found.slice(0, 10).map(({ name = '(no name)', checksum }) => `${checksum.algorithm} of ${name}`),
    })
  }
  return first.checksum
}

function hasOneFile(entries: readonly Entry[]): boolean {
  return new Set(entries.map(({ name }) => name)).size === 1
}

function parseLine(line: string): Entry | undefined {
  const bsd = /^(SHA-?256|SHA-?512) ?\((.+)\) ?= ?([0-9a-f]+)\s*$/i.exec(line)
  if (bsd) return entry(bsd[3]!, bsd[2], bsd[1]!.toLowerCase().replace('-', ''))
  const gnu = /^\\?([0-9a-f]{64,128})(?:\s+\*?(.*?))?\s*$/i.exec(line)
  return gnu ? entry(gnu[1]!, gnu[2]) : undefined
}

function entry(hex: string, name: string | undefined, algorithm?: string): Entry | undefined {
  const checksum = checksumOf(hex, algorithm)
  return checksum && { checksum, name: name ? name.replace(/^(?:\.?\/)+/, '') : undefined }
}
