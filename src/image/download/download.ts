import { rename } from 'node:fs/promises'
import { MayflyError, messageOf } from '../../errors.js'
import type { Progress } from '../../host/progress.js'
import { GIB, MIB } from '../../units.js'
import { assertSpace, explainFull, type Store } from '../store.js'
import type { Workshop } from '../workshop.js'
import { type Checksum, sameChecksum } from './checksum.js'
import { findChecksum } from './checksum-file.js'
import { encodingOf, HttpClient, HttpFailure, shown } from './http.js'
import { Intake } from './intake.js'
import { candidates, type Mirror } from './mirrors.js'
import { Partial, type Validator } from './partial.js'
import { RateMeter } from './rate.js'
import { type Persistence, persist } from './retry.js'
import { transfer } from './transfer.js'

export interface DownloadOptions {
  store: Store
  workshop: Workshop
  progress: Progress
  signal?: AbortSignal | undefined
  mirrors?: readonly Mirror[] | undefined
  /** Follows redirects from https to http. */
  insecureRedirects?: boolean | undefined
  /** Without a byte for this long, a connection is given up. Default 30 s. */
  stallMs?: number | undefined
  /** How often it tries again, and how long it waits in between. */
  persistence?: Persistence | undefined
}

export interface DownloadRequest {
  /** For people. */
  name: string
  url: string
  /** What the bytes must be; without it they are believed. */
  expected?: Checksum | undefined
  /** What is there already: if the server still has the same, nothing is downloaded. */
  unless?: Validator | undefined
  /** Path of the file to make, on the store's file system. */
  target: string
}

export interface Downloaded {
  /** Of the bytes as they came. */
  checksum: Checksum
  /** Of the file, which holds them unpacked if they were compressed. */
  digest: Checksum
  validator: Validator
}

const PERSISTENCE: Persistence = { attempts: 6, backoffMs: 1000, patienceMs: 120_000 }
/** Left to others by a download that does not say how long it is, and how often that is looked at. */
const RESERVE_BYTES = GIB
const LOOK_BYTES = 64 * MIB
const LARGEST_CHECKSUM_FILE = 4 * 1024 * 1024

/** Downloads of one process, through the proxies of its environment. */
export class Downloader implements AsyncDisposable {
  readonly #client: HttpClient
  readonly #options: DownloadOptions

  private constructor(client: HttpClient, options: DownloadOptions) {
    this.#client = client
    this.#options = options
  }

  static async open(options: DownloadOptions): Promise<Downloader> {
    const { stallMs = 30_000, insecureRedirects = false, signal } = options
    return new Downloader(await HttpClient.open({ stallMs, insecureRedirects, signal }), options)
  }

  /**
   * What the publisher's checksum file at `file` says of `url`.
   * @throws MayflyError MAYFLY_DOWNLOAD_FAILED, MAYFLY_ABORTED.
   */
  async publishedChecksum(file: string, url: string): Promise<Checksum> {
    const { progress } = this.#options
    const text = await this.#fromAny(file, (from) =>
      this.#persist(
        () => this.#read(from),
        () => 0,
        (line) => progress.note(line),
      ),
    )
    return findChecksum(text, file, url)
  }

  /**
   * Downloads, checks and unpacks a file, going on after what an earlier download has left; `target` appears when all
   * of it is right. Its caller holds the lock of the URL's key.
   * @returns undefined if the server still has what `unless` is of.
   * @throws MayflyError MAYFLY_DOWNLOAD_FAILED, MAYFLY_IMAGE_CHECKSUM_MISMATCH, MAYFLY_IMAGE_CORRUPT, MAYFLY_CACHE_UNUSABLE, MAYFLY_ABORTED.
   */
  async download(request: DownloadRequest): Promise<Downloaded | undefined> {
    const { store, progress } = this.#options
    return await progress.step(`download ${request.name}`, async (log) => {
      const partial = await Partial.open(store, request.url)
      try {
        return await this.#fromAny(request.url, (from) => this.#from(from, request, partial, log))
      } catch (error) {
        const explained = explainFull(store, error)
        // The space is needed elsewhere now.
        if (explained !== error) await partial.remove()
        throw explained
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }

  async #from(
    from: string,
    request: DownloadRequest,
    partial: Partial,
    log: (line: string) => void,
  ): Promise<Downloaded | undefined> {
    const { url, expected, unless, target } = request
    const { store, workshop } = this.#options
    const env = workshop.childEnvironment()
    await using intake = await Intake.open({
      partial,
      algorithm: expected?.algorithm ?? 'sha256',
      unpackTo: target,
      env,
    })
    const meter = new RateMeter(log)
    let nextLookAt = LOOK_BYTES
    for (;;) {
      let continued = false
      const { unchanged } = await this.#persist(
        () => {
          continued ||= intake.offset > 0
          return transfer(this.#client, intake, {
            from,
            url,
            willBeChecked: expected !== undefined,
            unless,
            onSize: (totalBytes) => this.#assertSpace(request, intake, totalBytes),
            onBytes: async (bytes, totalBytes) => {
              meter.update(bytes, totalBytes)
              // One that does not say how long it is may have no end.
              if (totalBytes !== undefined || bytes < nextLookAt) return
              nextLookAt = bytes + LOOK_BYTES
              await assertSpace(store, RESERVE_BYTES, `the download of ${request.name}`)
            },
          })
        },
        () => intake.offset,
        log,
      )
      if (unchanged) {
        await partial.remove()
        return undefined
      }
      const checksum = await intake.checksum()
      if (expected === undefined || sameChecksum(checksum, expected)) {
        return await this.#settle(intake, checksum, target)
      }
      const bytes = intake.offset
      await intake.restart()
      if (!continued) throw mismatch(from, expected, checksum, bytes)
      // Pieces of two different files, or of a disk that lost power, are nobody's fault.
      log('what was put together has a wrong checksum; downloading all of it again')
    }
  }

  async #settle(intake: Intake, checksum: Checksum, target: string): Promise<Downloaded> {
    const { partial } = intake
    const unpacked = await intake.unpacked().catch(async (error) => {
      // It would be as broken the next time.
      await intake.restart()
      throw error
    })
    if (unpacked === undefined) await rename(partial.file, target)
    const { etag, lastModified } = partial.origin!
    await partial.remove()
    const digest: Checksum = unpacked === undefined ? checksum : { algorithm: 'sha256', hex: unpacked }
    return { checksum, digest, validator: { etag, lastModified } }
  }

  async #assertSpace(
    { name }: DownloadRequest,
    { offset, compressed }: Intake,
    totalBytes: number | undefined,
  ): Promise<void> {
    if (totalBytes === undefined) return
    // What is unpacked is at least as large as it was.
    const unpacked = compressed || /\.(?:zstd?|xz|gz|bz2)$/.test(name) ? totalBytes : 0
    await assertSpace(this.#options.store, Math.max(0, totalBytes - offset) + unpacked, `the download of ${name}`)
  }

  async #read(from: string): Promise<string> {
    const reply = await this.#client.get(from, { 'accept-encoding': 'identity' })
    const encoding = encodingOf(reply)
    if (encoding !== undefined) {
      await reply.body.dump()
      throw new HttpFailure(`${shown(from)} is sent with Content-Encoding ${encoding}, which was not asked for`, {
        transient: false,
      })
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of reply.body) {
      bytes += chunk.length
      if (bytes > LARGEST_CHECKSUM_FILE) {
        throw new HttpFailure(`${shown(from)} is too large for a checksum file`, { transient: false })
      }
      chunks.push(chunk)
    }
    return textOf(Buffer.concat(chunks))
  }

  #persist<T>(attempt: () => Promise<T>, gained: () => number, note: (line: string) => void): Promise<T> {
    const { persistence = PERSISTENCE, signal } = this.#options
    return persist(persistence, attempt, gained, note, signal)
  }

  /** Tries the mirrors, then the publisher. */
  async #fromAny<T>(url: string, work: (from: string) => Promise<T>): Promise<T> {
    const { mirrors = [], signal, progress } = this.#options
    const failures: unknown[] = []
    for (const from of candidates(url, mirrors)) {
      if (failures.length > 0) progress.note(`${messageOf(failures.at(-1))}; trying ${shown(from)}`)
      try {
        return await work(from)
      } catch (error) {
        if (signal?.aborted) {
          throw new MayflyError('MAYFLY_ABORTED', `stopped downloading ${shown(url)}`, { cause: signal.reason })
        }
        if (!(error instanceof HttpFailure || isMismatch(error))) throw error
        failures.push(error)
      }
    }
    const last = failures.at(-1)
    if (isMismatch(last)) throw last
    throw new MayflyError('MAYFLY_DOWNLOAD_FAILED', `could not download ${shown(url)}`, {
      details: failures.map(messageOf),
      hint: (last as HttpFailure).hint,
      cause: last,
    })
  }
}

function isMismatch(error: unknown): error is MayflyError {
  return error instanceof MayflyError && error.code === 'MAYFLY_IMAGE_CHECKSUM_MISMATCH'
}

function mismatch(from: string, expected: Checksum, checksum: Checksum, bytes: number): MayflyError {
  return new MayflyError('MAYFLY_IMAGE_CHECKSUM_MISMATCH', `what came from ${shown(from)} is not what it should be`, {
    details: [
      `expected ${expected.algorithm} ${expected.hex}`,
      `received ${checksum.algorithm} ${checksum.hex}, ${bytes} bytes`,
    ],
    hint: 'A mirror may be behind its publisher, or something on the way has changed it. Nothing of it was kept.',
  })
}

/** PowerShell writes UTF-16. */
function textOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le')
  return bytes.toString('utf8')
}
