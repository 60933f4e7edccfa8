import { readFileSync } from 'node:fs'

/** <elf.h>: the kernel tells every process its page size in a vector of (key, value) pairs of 64 bits. */
const AT_PAGESZ = 6n

let known: number | undefined

/** Bytes in a page of this host's memory. Linux only: 4096 on x86, up to 65536 on arm64. */
export function pageSize(): number {
  known ??= readPageSize()
  return known
}

function readPageSize(): number {
  const vector = readFileSync('/proc/self/auxv')
  for (let at = 0; at + 16 <= vector.length; at += 16) {
    if (vector.readBigUInt64LE(at) === AT_PAGESZ) return Number(vector.readBigUInt64LE(at + 8))
  }
  throw new Error('/proc/self/auxv does not tell the page size')
}
