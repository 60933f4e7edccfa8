import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import type { Checksum } from '../checksum.js'
import { Downloader, type DownloadOptions, type DownloadRequest } from '../download.js'
import { type Answer, type FileServer, type SendOptions, send, sha256Hex } from './file-server.js'
import { type PrivateStore, privateStore } from './private-store.js'

export const BYTES = randomBytes(3 * 1024 * 1024 + 17)
export const HALF = Math.floor(BYTES.length / 2)
export const EXPECTED: Checksum = { algorithm: 'sha256', hex: sha256Hex(BYTES) }
const LOST = 256 * 1024

/** Sends the file, the nth answer as the nth options have it, and the last of them from then on. */
export const sending =
  (...answers: SendOptions[]): Answer =>
  (request, response, count) =>
    send(request, response, BYTES, answers[Math.min(count, answers.length) - 1])

/** Where each answer was asked to begin. What had come last when a connection broke may be lost with it. */
export const starts = (server: FileServer): number[] =>
  server.requests.map(({ range }) => {
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    return start > HALF - LOST && start <= HALF ? HALF : start
  })

/** A store of its own for each test, and downloads of that file into it. */
export class Place {
  cache!: PrivateStore
  target!: string

  constructor() {
    beforeEach(async () => {
      this.cache = await privateStore()
      this.target = join(this.cache.session.directory, 'disk')
    })
    afterEach(() => this.cache[Symbol.asyncDispose]())
  }

  async download(
    server: FileServer,
    request: Partial<DownloadRequest> = { expected: EXPECTED },
    options: Partial<DownloadOptions> = {},
  ) {
    await using downloader = await Downloader.open({ ...this.cache.options, ...options })
    const url = `${server.origin}/image.img`
    return await downloader.download({ name: 'image', url, target: this.target, ...request })
  }

  /** How many downloads are not complete. */
  async leftover(): Promise<number> {
    return (await readdir(this.cache.store.downloads)).length
  }

  async expectDownloaded(): Promise<void> {
    expect((await readFile(this.target)).equals(BYTES)).toBe(true)
    expect(await this.leftover()).toBe(0)
  }
}
