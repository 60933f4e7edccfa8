import { rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '../errors.js'

/** Files that are there for as long as somebody uses them; whoever makes them is the first who does. */
export class SharedFiles {
  readonly #paths: readonly string[]
  readonly #below: SharedFiles | undefined
  #users = 1

  /** @param below what these files are of no use without; it is kept as long as they are. */
  constructor(paths: readonly string[], below?: SharedFiles) {
    this.#paths = paths
    this.#below = below?.retain()
  }

  retain(): this {
    if (this.#users === 0) throw new Error(`nobody keeps ${this.#paths[0]} any more`)
    this.#users++
    return this
  }

  /** The last one removes them, and their directory with the last of its files. */
  async release(): Promise<void> {
    this.#users--
    if (this.#users > 0) return
    for (const path of this.#paths) {
      await rm(path, { force: true })
      await rmdir(dirname(path)).catch((error) => {
        if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'ENOENT') throw error
      })
    }
    await this.#below?.release()
  }
}
