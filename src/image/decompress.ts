import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { MayflyError } from '../errors.js'
import { findTool } from '../host/tools.js'
import { unreadable } from './file-digest.js'
import { GrowingDigest } from './growing-digest.js'

/** How what is compressed begins, and what unpacks it. They write holes where there is nothing but zeros, if they can. */
const TOOLS: readonly { magic: string; name: string; args: string[] }[] = [
  { magic: '28b52ffd', name: 'zstd', args: ['-dcq', '--sparse'] },
  { magic: 'fd377a585a00', name: 'xz', args: ['-dcq', '--threads=0'] },
  { magic: '1f8b', name: 'gzip', args: ['-dcq'] },
  { magic: '425a68', name: 'bzip2', args: ['-dcq'] },
]

/** The most bytes that are needed to tell. */
export const MAGIC_BYTES = 6

/** The program that unpacks what begins with these bytes; undefined for what is not compressed. Names are not trusted. */
export function compressionOf(head: Buffer): string | undefined {
  const hex = head.toString('hex', 0, MAGIC_BYTES)
  return TOOLS.find(({ magic }) => hex.startsWith(magic))?.name
}

/** The same of a file. @throws MayflyError MAYFLY_IMAGE_NOT_FOUND when it cannot be read. */
export async function compressionOfFile(path: string): Promise<string | undefined> {
  await using file = await open(path).catch(unreadable(path))
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0)
  return compressionOf(buffer.subarray(0, bytesRead))
}

/** Unpacks a stream of blocks into a file, in a process of its own. */
export class Decompressor implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #input: Writable
  readonly #ended: Promise<unknown>
  readonly #digest: GrowingDigest
  #complaints = ''

  private constructor(child: ChildProcess, digest: GrowingDigest) {
    this.#child = child
    this.#digest = digest
    this.#input = child.stdin!
    // Whoever writes to one that has failed is told by its end.
    this.#input.on('error', () => {})
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-2000)
    })
    this.#ended = once(child, 'close')
    this.#ended.catch(() => {})
  }

  /**
   * @param name as `compressionOf` has it.
   * @param env marks the process as somebody's.
   * @throws MayflyError MAYFLY_TOOL_MISSING.
   */
  static async start(name: string, target: string, env: NodeJS.ProcessEnv): Promise<Decompressor> {
    const { args } = TOOLS.find((tool) => tool.name === name)!
    const program = await findTool(name)
    await using file = await open(target, 'w', 0o600)
    const digest = await GrowingDigest.open(target)
    const child = spawn(program, args, { stdio: ['pipe', file.fd, 'pipe'], env: { ...env, LC_ALL: 'C' } })
    return new Decompressor(child, digest)
  }

  /** Resolves when the blocks have been taken; also when they will never be, of which `finish` tells. */
  async write(blocks: readonly Buffer[]): Promise<void> {
    if (!this.#input.writable || blocks.length === 0) return
    this.#input.cork()
    const taken = blocks.map((block) => new Promise<void>((resolve) => this.#input.write(block, () => resolve())))
    this.#input.uncork()
    await Promise.all(taken)
    this.#digest.advance()
  }

  /**
   * Resolves when everything has been unpacked, to the SHA-256 of it in hex.
   * @throws MayflyError MAYFLY_IMAGE_CORRUPT; a system error ENOSPC when the disk is full.
   */
  async finish(): Promise<string> {
    this.#input.end()
    await this.#ended
    if (this.#child.exitCode === 0) return await this.#digest.finish()
    if (this.#complaints.includes('No space left on device')) {
      throw Object.assign(new Error(this.#complaints.trim()), { code: 'ENOSPC' })
    }
    throw new MayflyError('MAYFLY_IMAGE_CORRUPT', `${this.#child.spawnfile} could not unpack it`, {
      details: this.#complaints.trim().split('\n'),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.#ended.catch(() => {})
    await this.#digest[Symbol.asyncDispose]()
  }
}
