import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DiskLayer } from '../qemu/argv.js'
import { forwardedPort } from '../qemu/forwarded-port.js'
import { VM_RECORD, type VmRecord } from '../session/list.js'
import { FILES, type Frozen, rebootMachine } from './machine.js'
import type { Prepared } from './prepare.js'
import { type Resumed, resume } from './resume.js'
import { type Running, run } from './running.js'

/** One machine's place on the host, whatever QEMU runs it at the moment: its directory, its disk, its record for `mayfly ls`. */
export class Place implements AsyncDisposable {
  readonly id: string
  readonly directory: string
  readonly #prepared: Prepared
  readonly #startedAt = new Date().toISOString()
  #layers: readonly DiskLayer[] = []
  #disks = 0

  private constructor(prepared: Prepared) {
    const { harness, guest } = prepared
    this.#prepared = prepared
    this.id = `${guest.name.replace(/[^\w.-]/g, '_').slice(0, 40)}-${randomBytes(4).toString('hex')}`
    this.directory = join(harness.session.directory, this.id)
  }

  static async make(prepared: Prepared): Promise<Place> {
    const place = new Place(prepared)
    await mkdir(place.directory, { mode: 0o700 })
    return place
  }

  /** The machine's disk, its own writable layer first. */
  get layers(): readonly DiskLayer[] {
    return this.#layers
  }

  /** Where the machine's next own layer goes. */
  nextDisk(): DiskLayer {
    return { path: join(this.directory, `${this.#disks++}.qcow2`), format: 'qcow2' }
  }

  /** From now on the machine writes to another layer. */
  setLayers(layers: readonly DiskLayer[]): void {
    this.#layers = layers
  }

  /** Starts a QEMU that goes on from where `frozen` stopped, with an empty layer over its disk. */
  async resume(frozen: Frozen): Promise<Resumed> {
    const { harness, guest } = this.#prepared
    const disk = this.nextDisk()
    const resumed = await resume({ harness, guest, frozen, directory: this.directory, disk: disk.path })
    this.#layers = [disk, ...frozen.layers]
    return resumed
  }

  /** Boots the machine's own disk in a new QEMU, with the keys of its template. */
  async powerOn(): Promise<Running & { sshPort: number }> {
    const { harness, guest, image, template } = this.#prepared
    await rm(join(this.directory, FILES.ram), { force: true })
    const machine = rebootMachine(harness, guest, image, template.directory, this.directory, this.#layers)
    const running = await run(harness, machine, this.directory)
    const { qemu } = running
    try {
      await qemu.greeted()
      await qemu.qmp.execute('qmp_capabilities')
      const sshPort = await forwardedPort(qemu.qmp, 22)
      await this.record(qemu.pid, sshPort)
      return { ...running, sshPort }
    } catch (error) {
      await qemu.kill()
      throw error
    }
  }

  /** What `mayfly ls` and `mayfly gc` know of the machine. */
  async record(pid: number, sshPort: number): Promise<void> {
    const { guest, template, image } = this.#prepared
    const record: VmRecord = {
      id: this.id,
      name: guest.name,
      pid,
      sshPort,
      startedAt: this.#startedAt,
      template: template.directory,
      image: image.dir,
    }
    await writeFile(join(this.directory, VM_RECORD), JSON.stringify(record))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}
