import { MayflyError, messageOf } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { machineAdmission } from '../host/admission.js'
import type { ProcessIdentity } from '../host/process-table.js'
import { silent } from '../host/progress.js'
import { defaultCacheDir, openStore } from '../image/store.js'
import { performance } from '../node-globals.js'
import { currentSession } from '../session/session.js'
import type { Clone } from '../snapshot/clone.js'
import { Pool, type PoolOptions } from '../snapshot/pool.js'
import { type Prepared, prepare } from '../snapshot/prepare.js'
import { takeAdopted } from './adopt.js'
import { KeeperLink } from './keeper-link.js'
import type { KeptData } from './protocol.js'

export interface Keeping {
  /** Whose keeper it is: the process that outlives the workers. */
  owner: ProcessIdentity
  /** The test file, which tells what is still wanted. */
  file: string
}

/** One connection for all guests of a test file. */
const links = new Map<string, Promise<KeeperLink>>()

/** Machines of one guest that a keeper holds ready; a pool of our own if there can be no keeper. */
export class KeptMachines implements AsyncDisposable {
  readonly #guest: Guest
  readonly #options: PoolOptions
  readonly #keeping: Keeping
  readonly #cacheDir: string
  #ready: Promise<{ link: KeeperLink; kept: KeptData; prepared: Prepared } | undefined> | undefined
  #ownPool: Pool | undefined
  #shortage: Disposable | undefined
  #expected = 0

  constructor(guest: Guest, options: PoolOptions, keeping: Keeping) {
    this.#guest = guest
    this.#options = options
    this.#keeping = keeping
    this.#cacheDir = options.cacheDir ?? defaultCacheDir()
  }

  /** How many can be had without waiting is the keeper's business. */
  get ready(): number {
    return this.#ownPool?.ready ?? 0
  }

  /** Image and template are there afterwards, made if need be. */
  async prepare(): Promise<void> {
    await this.#prepared()
  }

  expect(count: number): void {
    this.#expected = count
    void this.#prepared().then(
      (ready) => {
        if (ready) ready.link.notify({ do: 'expect', key: ready.kept.key, count })
        else this.#own().expect(count)
        // Why it cannot be prepared is for whoever waits for that to hear.
      },
      () => {},
    )
  }

  async take(signal?: AbortSignal): Promise<Clone> {
    const ready = await this.#prepared()
    if (!ready || ready.link.lost) return await this.#own().take(signal)
    try {
      return await takeAdopted(ready.link, ready.kept.key, ready.prepared, signal)
    } catch (error) {
      if (signal?.aborted) {
        throw new MayflyError('MAYFLY_ABORTED', 'the wait for a kept machine was given up', { cause: signal.reason })
      }
      this.#options.progress?.note(`no kept ${this.#guest.name}: ${messageOf(error)}`)
      return await this.#own().take(signal)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#shortage?.[Symbol.dispose]()
    await this.#ownPool?.[Symbol.asyncDispose]()
    const ready = await this.#ready?.catch(() => undefined)
    ready?.link.close()
    links.delete(this.#linkKey())
  }

  #own(): Pool {
    if (!this.#ownPool) {
      this.#ownPool = new Pool(this.#guest, this.#options)
      this.#ownPool.expect(this.#expected)
    }
    return this.#ownPool
  }

  #prepared(): Promise<{ link: KeeperLink; kept: KeptData; prepared: Prepared } | undefined> {
    this.#ready ??= this.#prepareNow()
    return this.#ready
  }

  async #prepareNow(): Promise<{ link: KeeperLink; kept: KeptData; prepared: Prepared } | undefined> {
    const started = performance.now()
    const store = await openStore(this.#cacheDir)
    const opening = currentSession(store)
    // Why it cannot be opened, whoever needs it first says.
    opening.catch(() => {})
    const link = await this.#link().catch((error: unknown) => {
      this.#options.progress?.note(`machines are not kept between reruns: ${messageOf(error)}`)
      return undefined
    })
    if (!link) {
      await prepare(this.#guest, this.#options)
      return undefined
    }
    this.#shortage = machineAdmission().onShortage(() => link.notify({ do: 'shortage' }))
    const request = { guest: this.#guest, unique: this.#options.unique ?? false, most: this.#options.most }
    const kept = (await link.find(request)) ?? (await this.#keep(link, request))
    const { qemu, accelerator, ...rest } = kept.prepared
    const harness = { store, session: await opening, qemu, accelerator }
    const prepared = { ...rest, guest: this.#guest, harness, prepareMs: performance.now() - started }
    return { link, kept, prepared }
  }

  async #keep(link: KeeperLink, request: Parameters<KeeperLink['find']>[0]): Promise<KeptData> {
    const { image, ingredients, template, harness } = await prepare(this.#guest, { progress: silent, ...this.#options })
    const { qemu, accelerator } = harness
    return await link.keep({ ...request, prepared: { image, ingredients, template, qemu, accelerator } })
  }

  #link(): Promise<KeeperLink> {
    const key = this.#linkKey()
    let link = links.get(key)
    if (!link) {
      const { owner, file } = this.#keeping
      const onNote = (line: string) => this.#options.progress?.note(line)
      link = openStore(this.#cacheDir).then((store) => KeeperLink.open(store, owner, { file, onNote }))
      links.set(key, link)
    }
    return link
  }

  #linkKey(): string {
    return `${this.#keeping.file} ${this.#cacheDir}`
  }
}
