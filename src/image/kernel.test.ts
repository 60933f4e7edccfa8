import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { extractVmlinux } from './kernel.js'

const elf = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(100_000, 7)])
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-kernel-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** The smallest file with the fields of a bzImage's header. */
function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(3 * 512)
  setup.writeUInt8(2, 0x1f1)
  setup.write('HdrS', 0x202)
  setup.writeUInt32LE(64, 0x248)
  setup.writeUInt32LE(payload.length, 0x24c)
  return Buffer.concat([setup, Buffer.alloc(64), payload, Buffer.from('what follows the payload')])
}

async function unpack(payload: Buffer): Promise<Buffer> {
  await writeFile(join(directory, 'bzImage'), bzImage(payload))
  await extractVmlinux(join(directory, 'bzImage'), join(directory, 'vmlinux'))
  return readFile(join(directory, 'vmlinux'))
}

test('unpacks a gzip payload', async () => {
  expect(await unpack(gzipSync(elf))).toEqual(elf)
})

test.each([
  ['xz', ['-c', '--check=crc32']],
  ['zstd', ['-c', '-q']],
  ['lz4', ['-c', '-q', '-l']],
])('unpacks a %s payload, which the kernel ends with its unpacked size', async (tool, args) => {
  const { stdout } = await execa(tool, args, { input: elf, encoding: 'buffer' })
  const size = Buffer.alloc(4)
  size.writeUInt32LE(elf.length)
  expect(await unpack(Buffer.concat([stdout, size]))).toEqual(elf)
})

test('says what is wrong with a file that is not a kernel', async () => {
  await writeFile(join(directory, 'text'), 'not a kernel')
  const attempt = extractVmlinux(join(directory, 'text'), join(directory, 'vmlinux'))
  await expect(attempt).rejects.toMatchObject({ code: 'MAYFLY_BUILD_FAILED', details: ['no "HdrS" at offset 0x202'] })
  await expect(unpack(gzipSync('no ELF'))).rejects.toMatchObject({ code: 'MAYFLY_BUILD_FAILED' })
})
