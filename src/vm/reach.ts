import { bootTimeoutMs } from '../snapshot/boot-timeout.js'
import type { Clone } from '../snapshot/clone.js'
import { noNetwork, type SshAddress } from '../snapshot/join-network.js'
import { untilReady } from '../snapshot/ready.js'
import type { Running } from '../snapshot/running.js'
import type { SshConnection } from '../ssh/connection.js'
import type { SshTarget } from '../ssh/handshake.js'

/** How one machine's guest is reached over SSH: where it listens at the moment, and the one connection. */
export class Reach {
  readonly #clone: Clone
  readonly #bootTimeoutMs: number
  #connection: Promise<SshConnection> | undefined
  /** Nowhere without a network. */
  address: SshAddress | undefined

  constructor(clone: Clone) {
    this.#clone = clone
    this.#bootTimeoutMs = bootTimeoutMs(clone.prepared.harness, clone.prepared.guest)
    this.established(clone)
  }

  /** @throws MayflyError MAYFLY_NO_NETWORK */
  get target(): SshTarget {
    if (!this.address) throw noNetwork(this.#clone.prepared.guest.name, 'this')
    return { ...this.#clone.login, hostKey: this.#clone.place.hostKey, ...this.address }
  }

  /** @throws MayflyError MAYFLY_NO_NETWORK where nothing leads to the guest but its console and its agent. */
  assertNetwork(what: string): void {
    const { guest } = this.#clone.prepared
    if (guest.network.mode === 'none') throw noNetwork(guest.name, what)
  }

  /** From now on it is reached so. */
  established({ address, connection }: Pick<Clone, 'address' | 'connection'>): void {
    this.address = address
    this.#connection = connection && Promise.resolve(connection)
  }

  /** The open connection, or a new one to the machine that runs. */
  async connect(running: () => Running, booting = false): Promise<SshConnection> {
    const current = this.#connection
    const open = await current?.catch(() => undefined)
    if (open?.connected) return open
    // Somebody else found it gone as well, and is making the next one.
    if (this.#connection !== current) return await this.connect(running, booting)
    const { guest, template } = this.#clone.prepared
    const how = { timeoutMs: this.#bootTimeoutMs, name: guest.name, agent: booting && template.manifest.agent }
    const connecting = untilReady(running(), this.target, how)
    this.#connection = connecting
    return await connecting
  }

  /** Does not wait: one that is still being made ends with the machine. */
  disconnect(): void {
    this.close().catch(() => {})
    this.#connection = undefined
  }

  /** Closes the connection, if there is one. */
  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.close()
  }
}
