import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createPrivateFile } from '../host/private-file.js'
import { cardOf } from '../network/card.js'
import { Date } from '../node-globals.js'
import type { DiskLayer, NetworkCard } from '../qemu/argv.js'
import { type VmRecord, writeVmRecord } from '../session/list.js'
import { Disk } from './disk.js'
import type { Networked, SshAddress } from './join-network.js'
import { type BootFiles, FILES, type Frozen, type HostIdentity, rebootMachine, seedIn } from './machine.js'
import type { Prepared } from './prepare.js'
import { type Resumed, resume } from './resume.js'
import { run } from './running.js'
import { writeSeededInitrd } from './seeded-initrd.js'
import type { SharedFiles } from './shared-files.js'

/** A place as it goes to another process. */
export interface PlaceData {
  id: string
  directory: string
  startedAt: string
  ram: string
  layers: readonly DiskLayer[]
  starts: number
  /** Its archive in base64. */
  identity: (Omit<HostIdentity, 'archive'> & { archive: string }) | undefined
}

/** One machine's place on the host, whatever QEMU runs it at the moment: its directory, its disk, its record for `mayfly ls`. */
export class Place implements AsyncDisposable {
  readonly id: string
  readonly directory: string
  readonly #prepared: Prepared
  readonly #startedAt: string
  readonly disk: Disk
  /** Who the machine says it is, if that is not what its template says. */
  identity: HostIdentity | undefined
  #ram = ''
  #starts: number
  #memory: SharedFiles | undefined

  private constructor(prepared: Prepared, known: Partial<PlaceData> = {}) {
    const { harness, guest } = prepared
    this.#prepared = prepared
    this.id = known.id ?? `${guest.name.replace(/[^\w.-]/g, '_').slice(0, 40)}-${randomBytes(4).toString('hex')}`
    this.directory = known.directory ?? join(harness.session.directory, this.id)
    this.#startedAt = known.startedAt ?? new Date().toISOString()
    this.#starts = known.starts ?? 0
    this.disk = new Disk(this.directory)
  }

  /** The place of a machine that is to be sealed where it runs, in a directory that is somebody else's. */
  static at(directory: string, prepared: Prepared): Place {
    return new Place(prepared, { directory })
  }

  static async make(prepared: Prepared): Promise<Place> {
    const place = new Place(prepared)
    await mkdir(place.directory, { mode: 0o700 })
    return place
  }

  /** The place of a machine that another process has resumed from its template, and in whose session its directory is. */
  static async adopt(prepared: Prepared, data: PlaceData): Promise<Place> {
    const place = new Place(prepared, data)
    await place.disk.adopt(data.layers)
    place.#ram = data.ram
    const { identity } = data
    place.identity = identity && { ...identity, archive: Buffer.from(identity.archive, 'base64') }
    return place
  }

  /** What `adopt` must know in another process, once it was resumed. */
  get data(): PlaceData {
    const { id, directory, identity } = this
    return {
      id,
      directory,
      startedAt: this.#startedAt,
      ram: this.#ram,
      layers: this.disk.layers,
      starts: this.#starts,
      identity: identity && { ...identity, archive: identity.archive.toString('base64') },
    }
  }

  /** Public host key (one line) that every connection must see. */
  get hostKey(): string {
    return this.identity?.hostKey ?? this.#prepared.template.manifest.hostKey
  }

  /** The file that its memory is a private view of. */
  get ram(): string {
    return this.#ram
  }

  /** Starts a QEMU that goes on from where `frozen` stopped, with an empty layer over its disk. */
  async resume(frozen: Frozen): Promise<Resumed> {
    const { harness, guest } = this.#prepared
    const [memory, below] = [frozen.uses?.memory.retain(), frozen.uses?.disk.retain()]
    const disk = this.disk.next()
    let resumed: Resumed
    try {
      const { directory } = this
      resumed = await resume({ harness, guest, frozen, directory, disk: disk.path, card: this.#nextCard() })
    } catch (error) {
      await Promise.all([this.disk.discard(disk), memory?.release(), below?.release()])
      throw error
    }
    try {
      await this.disk.begin([disk, ...frozen.layers], below)
      await this.#viewMemory(frozen.ram, memory)
      this.identity = frozen.identity
      return resumed
    } catch (error) {
      await resumed.qemu.kill()
      throw error
    }
  }

  /** Boots the machine's own disk in a new QEMU, with the keys of its template. */
  async powerOn(): Promise<Networked> {
    const { harness, guest, image } = this.#prepared
    const ram = join(this.directory, FILES.ram)
    // Not into the file that is there: an older QEMU may still have it in view.
    await rm(ram, { force: true })
    await createPrivateFile(ram, guest.memoryBytes)
    const { layers, below } = this.disk
    const card = this.#nextCard()
    const machine = rebootMachine(harness, guest, image, await this.#bootFiles(), this.directory, layers, card)
    const running = await run(harness, machine, this.directory)
    const { qemu } = running
    try {
      await qemu.greeted()
      await this.disk.begin(layers, below?.retain())
      await this.#viewMemory(ram, undefined)
      await qemu.qmp.execute('qmp_capabilities')
      return { ...running, card }
    } catch (error) {
      await qemu.kill()
      throw error
    }
  }

  /** What other commands know of the machine: `mayfly list` and `mayfly ssh`, `mayfly gc`. */
  async record(pid: number, address: SshAddress | undefined): Promise<void> {
    const { guest, template, image } = this.#prepared
    const record: VmRecord = {
      id: this.id,
      name: guest.name,
      pid,
      sshHost: address?.host,
      sshPort: address?.port,
      login: {
        user: guest.ssh.user,
        privateKeyPath: join(template.directory, FILES.privateKey),
        hostKey: this.hostKey,
      },
      startedAt: this.#startedAt,
      template: template.directory,
      image: image.dir,
    }
    await writeVmRecord(this.directory, record)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
    await this.disk.release()
    await this.#viewMemory('', undefined)
  }

  /** The card of the QEMU that is about to be started. */
  #nextCard(): NetworkCard {
    return cardOf(this.#prepared.guest.network, this.id, this.#starts++)
  }

  /** What the machine boots with. What cloud-init has set up is on its disk, and an identity of its own with it. */
  async #bootFiles(): Promise<BootFiles> {
    const { guest, image, template } = this.#prepared
    const templates = join(template.directory, FILES.initrd)
    const seed = seedIn(template.directory, guest)
    if (!this.identity || image.kernel === undefined) return { initrd: templates, seed }
    const initrd = join(this.directory, FILES.initrd)
    await writeSeededInitrd(templates, initrd, this.identity.archive)
    return { initrd, seed }
  }

  async #viewMemory(ram: string, memory: SharedFiles | undefined): Promise<void> {
    const before = this.#memory
    this.#ram = ram
    this.#memory = memory
    await before?.release()
  }
}
