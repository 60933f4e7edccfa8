import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type DiskLayer, nodeName, writableNode } from '../qemu/argv.js'
import { flatten } from '../qemu/block-stream.js'
import type { QmpClient } from '../qemu/qmp.js'
import { DISK } from './machine.js'
import type { SharedFiles } from './shared-files.js'

/** One machine's disk: a writable layer of its own over layers that no longer change. */
export class Disk {
  readonly #directory: string
  #layers: readonly DiskLayer[] = []
  /** Whoever else uses the layers below its own. */
  #below: SharedFiles | undefined
  #made: DiskLayer[] = []
  #count = 0
  /** Numbers of block nodes, in their names: the one that the guest writes to, and the oldest that QEMU keeps until told otherwise. */
  #node = 0
  #oldestNode = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** The machine's own layer first. */
  get layers(): readonly DiskLayer[] {
    return this.#layers
  }

  get below(): SharedFiles | undefined {
    return this.#below
  }

  /** A machine that somebody else has resumed: its own layer, which is the first that was made, and those below. */
  adopt(layers: readonly DiskLayer[]): Promise<void> {
    const own = this.next()
    return this.begin([own, ...layers.slice(1)], undefined)
  }

  /** Where a new layer of its own goes. */
  next(): DiskLayer {
    const layer = { path: join(this.#directory, `${this.#count++}.qcow2`), format: 'qcow2' as const }
    this.#made.push(layer)
    return layer
  }

  /** Removes a layer that came to nothing. */
  async discard(layer: DiskLayer): Promise<void> {
    this.#made = this.#made.filter((made) => made !== layer)
    await rm(layer.path, { force: true })
  }

  /**
   * A new QEMU has these layers, the first of them from `next`.
   * @param below what goes with its last user, kept by the caller until now.
   */
  async begin(layers: readonly DiskLayer[], below: SharedFiles | undefined): Promise<void> {
    const before = this.#below
    this.#layers = layers
    this.#below = below
    this.#node = layers.length - 1
    this.#oldestNode = this.#node
    await Promise.all(this.#made.filter((made) => made !== layers[0]).map((made) => this.discard(made)))
    await before?.release()
  }

  /** Gives QEMU an empty layer, which `stack` puts to use. */
  async add(qmp: QmpClient, overlay: string): Promise<DiskLayer> {
    const layer = this.next()
    try {
      await copyFile(overlay, layer.path)
      await qmp.execute('blockdev-add', {
        ...writableNode(nodeName(DISK, this.#node + 1), layer),
        backing: null,
      })
      return layer
    } catch (error) {
      await this.discard(layer)
      throw error
    }
  }

  /** Takes a layer back that `add` gave. */
  async remove(qmp: QmpClient, layer: DiskLayer): Promise<void> {
    await qmp.execute('blockdev-del', { 'node-name': nodeName(DISK, this.#node + 1) }).catch(() => {})
    await this.discard(layer)
  }

  /**
   * From now on the guest writes to `layer`; what it wrote to before does not change any more, and will be found as `frozen`.
   * Its own name stays as long as this QEMU, which may open it again.
   */
  async stack(qmp: QmpClient, layer: DiskLayer, frozen: DiskLayer, below: SharedFiles): Promise<void> {
    await qmp.execute('blockdev-snapshot', {
      node: nodeName(DISK, this.#node),
      overlay: nodeName(DISK, this.#node + 1),
    })
    const before = this.#below
    this.#node++
    this.#layers = [layer, frozen, ...this.#layers.slice(1)]
    this.#below = below.retain()
    await before?.release()
  }

  /** Copies all that lies above `base`, the lowest layers, into the machine's own one. */
  async flatten(qmp: QmpClient, base: readonly DiskLayer[]): Promise<void> {
    await flatten(qmp, { node: nodeName(DISK, this.#node), base: nodeName(DISK, base.length - 1) })
    const before = this.#below
    this.#layers = [this.#layers[0]!, ...base]
    this.#below = undefined
    for (let node = this.#node - 1; node >= this.#oldestNode; node--) {
      await qmp.execute('blockdev-del', { 'node-name': nodeName(DISK, node) })
    }
    this.#oldestNode = this.#node
    await before?.release()
  }

  async release(): Promise<void> {
    const before = this.#below
    this.#below = undefined
    await before?.release()
  }
}
