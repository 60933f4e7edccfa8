import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { MayflyError } from '../errors.js'
import { findTool } from '../host/tools.js'

/** How a payload starts, and what unpacks it. The order of Documentation/x86/boot.rst does not matter: they are all distinct. */
const DECOMPRESSORS: readonly { magic: string; tool: 'gunzip' | 'xz' | 'zstd' | 'lz4'; args: string[] }[] = [
  { magic: '1f8b', tool: 'gunzip', args: [] },
  { magic: 'fd377a585a00', tool: 'xz', args: ['-dc', '--single-stream'] },
  { magic: '28b52ffd', tool: 'zstd', args: ['-dc', '-q'] },
  { magic: '02214c18', tool: 'lz4', args: ['-dc', '-q'] },
]

/**
 * Writes the ELF kernel that a bzImage carries, so that the guest does not decompress it at every boot.
 * The header's fields are those of linux/Documentation/arch/x86/boot.rst.
 * @throws MayflyError MAYFLY_BUILD_FAILED if it is not a bzImage, MAYFLY_TOOL_MISSING without the decompressor.
 */
export async function extractVmlinux(bzImage: string, vmlinux: string, signal?: AbortSignal): Promise<void> {
  const { start, length, magic } = await locatePayload(bzImage)
  const decompressor = DECOMPRESSORS.find((candidate) => magic.startsWith(candidate.magic))
  if (!decompressor) throw notAKernel(bzImage, `unknown compression, the payload starts with ${magic}`)
  // All but gzip carry the unpacked size as four more bytes, which the tools would take for garbage.
  const trailing = decompressor.tool === 'gunzip' ? 0 : 4
  const payload = createReadStream(bzImage, { start, end: start + length - trailing - 1 })
  if (decompressor.tool === 'gunzip') {
    await pipeline(payload, createGunzip(), createWriteStream(vmlinux), { signal })
  } else {
    const tool = await findTool(decompressor.tool)
    await unpack(tool, decompressor.args, payload, vmlinux, signal)
  }
  if ((await readAt(vmlinux, 0, 4)).toString('latin1') !== '\x7fELF') {
    await rm(vmlinux, { force: true })
    throw notAKernel(bzImage, 'what it unpacks to is not an ELF file')
  }
}

async function unpack(
  tool: string,
  args: readonly string[],
  payload: Readable,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using file = await open(target, 'w')
  const child = spawn(tool, args, { stdio: ['pipe', file.fd, 'pipe'], signal })
  const errors = text(child.stderr!)
  const [[exitCode]] = await Promise.all([once(child, 'close'), pipeline(payload, child.stdin!).catch(() => {})])
  if (exitCode === 0) return
  throw new MayflyError('MAYFLY_BUILD_FAILED', `${tool} cannot unpack the kernel`, { details: [(await errors).trim()] })
}

async function locatePayload(bzImage: string): Promise<{ start: number; length: number; magic: string }> {
  const header = await readAt(bzImage, 0, 0x250)
  if (header.length < 0x250 || header.toString('latin1', 0x202, 0x206) !== 'HdrS') {
    throw notAKernel(bzImage, 'no "HdrS" at offset 0x202')
  }
  const setupSectors = header.readUInt8(0x1f1) || 4
  const start = (setupSectors + 1) * 512 + header.readUInt32LE(0x248)
  const length = header.readUInt32LE(0x24c)
  return { start, length, magic: (await readAt(bzImage, start, 6)).toString('hex') }
}

async function readAt(path: string, position: number, length: number): Promise<Buffer> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

function notAKernel(path: string, why: string): MayflyError {
  return new MayflyError('MAYFLY_BUILD_FAILED', `Not a bzImage that can be unpacked: ${path}`, { details: [why] })
}
