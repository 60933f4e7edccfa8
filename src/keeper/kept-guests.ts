import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { Guest } from '../guest/spec.js'
import { stepFingerprint } from '../guest/step-fingerprint.js'
import { silent } from '../host/progress.js'
import type { Harness } from '../session/harness.js'
import { hold } from '../session/uses.js'
import { readManifest } from '../snapshot/manifest.js'
import { Pool } from '../snapshot/pool.js'
import type { Prepared } from '../snapshot/prepare.js'
import { makePristine } from '../snapshot/pristine.js'
import { neededDirectories } from '../snapshot/template.js'
import type { GuestRequest, KeptData, PreparedData } from './protocol.js'

/** A guest whose machines are kept. */
export interface KeptGuest {
  data: KeptData
  pool: Pool
}

/** Guests by what they are: image, provision steps and the files in them, whether unique. One that differs in anything is another. */
export class KeptGuests implements AsyncDisposable {
  readonly #harness: Harness
  readonly #note: (line: string) => void
  readonly #borrowers: () => number
  readonly #guests = new Map<string, KeptGuest>()

  /** @param borrowers how many workers there are, each with a session of its own. */
  constructor(harness: Harness, note: (line: string) => void, borrowers: () => number) {
    this.#harness = harness
    this.#borrowers = borrowers
    this.#note = note
  }

  get pools(): Pool[] {
    return [...this.#guests.values()].map(({ pool }) => pool)
  }

  get(key: string): KeptGuest | undefined {
    return this.#guests.get(key)
  }

  /** The guest as it is now, if its template is still the one that its machines come from. */
  async find(request: GuestRequest): Promise<KeptData | undefined> {
    const kept = this.#guests.get(await fingerprint(request))
    if (!kept) return undefined
    const { directory, manifest } = kept.data.prepared.template
    const now = await readManifest(directory)
    if (typeof now === 'object' && now.seal === manifest.seal) return kept.data
    await this.#drop(kept)
    return undefined
  }

  async keep(request: GuestRequest, data: PreparedData): Promise<KeptData> {
    const { guest, unique, most } = request
    const key = await fingerprint(request)
    await hold(
      this.#harness,
      async () => {
        await stat(data.template.directory)
        return data
      },
      ({ image, template }) => [image.dir, ...neededDirectories(template)],
    )
    const known = this.#guests.get(key)
    if (known?.data.prepared.template.manifest.seal === data.template.manifest.seal) return known.data
    if (known) await this.#drop(known)
    const { qemu, accelerator, ...rest } = data
    const prepared: Prepared = { ...rest, guest, harness: { ...this.#harness, qemu, accelerator }, prepareMs: 0 }
    const make = (signal: AbortSignal | undefined) => makePristine(prepared, { unique, signal })
    const progress = { ...silent, note: this.#note }
    const pool = new Pool(guest, {
      make,
      most,
      borrowers: this.#borrowers,
      cacheDir: this.#harness.store.root,
      progress,
    })
    const kept = { data: { key, prepared: data }, pool }
    this.#guests.set(key, kept)
    return kept.data
  }

  /** Ends the machines of guests that nobody wants any more. */
  async retain(wanted: ReadonlySet<string>): Promise<void> {
    await Promise.all(
      [...this.#guests.values()].filter(({ data }) => !wanted.has(data.key)).map((kept) => this.#drop(kept)),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.retain(new Set())
  }

  async #drop(kept: KeptGuest): Promise<void> {
    this.#guests.delete(kept.data.key)
    await kept.pool[Symbol.asyncDispose]()
  }
}

async function fingerprint({ guest, unique, most }: GuestRequest): Promise<string> {
  const steps = await Promise.all(guest.provision.map(stepFingerprint))
  const content = JSON.stringify([unique, most, { ...guest, provision: steps }, await ownFiles(guest)])
  return `${basename(guest.name)}-${createHash('sha256').update(content).digest('hex').slice(0, 20)}`
}

/** Files that a user boots: what they hold is not looked at each time. */
async function ownFiles({ image }: Guest): Promise<string[]> {
  if (!('kernel' in image || 'path' in image)) return []
  const files = 'path' in image ? [image.path] : [image.kernel, image.initrd, image.disk]
  const paths = files.filter((path) => path !== undefined)
  return await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(resolve(path))
      return `${path} ${size} ${mtimeMs}`
    }),
  )
}
