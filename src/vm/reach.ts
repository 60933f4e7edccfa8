import { MayflyError } from '../errors.js'
import type { NetworkCard } from '../qemu/argv.js'
import { bootTimeoutMs } from '../snapshot/boot-timeout.js'
import type { Clone } from '../snapshot/clone.js'
import { joinNetwork, type Networked, noNetwork, type SshAddress } from '../snapshot/join-network.js'
import { untilAgentReady, untilReady } from '../snapshot/ready.js'
import type { Running } from '../snapshot/running.js'
import type { SshConnection } from '../ssh/connection.js'
import type { SshTarget } from '../ssh/handshake.js'
import { Forwards } from './forwards.js'

/** A server that restarts is back in a few seconds, also in an emulated guest. */
const RECONNECT_MS = 30_000

/** How one machine's guest is reached: where its SSH server listens at the moment, the one connection, the ports that lead to others. */
export class Reach {
  readonly #clone: Clone
  readonly #bootTimeoutMs: number
  #connection: Promise<SshConnection> | undefined
  /** Its own loopback ports of the host. */
  readonly forwards = new Forwards()
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

  /** Loopback ports of the host by the guest's that they lead to: none on a bridge, where it has an address, nor without a network. */
  hostPorts(card: NetworkCard): ReadonlyMap<number, number> {
    const ssh = card.mode === 'user' && this.address ? [[22, this.address.port] as const] : []
    return new Map([...ssh, ...this.forwards.ports])
  }

  /** @throws MayflyError MAYFLY_NO_NETWORK */
  async forward({ card, qemu }: Networked, guestPort: number): Promise<SshAddress> {
    this.assertNetwork('a forwarded port')
    // On a bridge all its ports can be reached.
    if (card.mode === 'tap') return { host: this.target.host, port: guestPort }
    return { host: '127.0.0.1', port: await this.forwards.open(qemu.qmp, guestPort) }
  }

  /** From now on it is reached so. */
  established({ address, connection }: Pick<Clone, 'address' | 'connection'>): void {
    this.address = address
    this.#connection = connection && Promise.resolve(connection)
  }

  /** Of a machine that boots: waits until its guest is there. */
  async logIn(started: Networked): Promise<Pick<Clone, 'address' | 'connection'>> {
    const { place, prepared } = this.#clone
    const how = { timeoutMs: this.#bootTimeoutMs, name: prepared.guest.name, agent: prepared.template.manifest.agent }
    this.address = await joinNetwork(started, how)
    await place.record(started.qemu.pid, this.address)
    if (this.address) return { address: this.address, connection: await this.connect(() => started, true) }
    await untilAgentReady(started, how)
    return { address: undefined, connection: undefined }
  }

  /** The open connection, or a new one to the machine that runs. */
  async connect(running: () => Running, booting = false): Promise<SshConnection> {
    const current = this.#connection
    const open = await current?.catch(() => undefined)
    if (open?.connected) return open
    // Somebody else found it gone as well, and is making the next one.
    if (this.#connection !== current) return await this.connect(running, booting)
    const { guest, template } = this.#clone.prepared
    const how = { timeoutMs: this.#bootTimeoutMs, name: guest.name, agent: template.manifest.agent }
    const connecting = booting ? untilReady(running(), this.target, how) : this.#reconnect(running())
    this.#connection = connecting
    return await connecting
  }

  /** A guest that is up has no reason to be as slow as one that boots. */
  async #reconnect(running: Running): Promise<SshConnection> {
    const { name } = this.#clone.prepared.guest
    const timeoutMs = Math.min(this.#bootTimeoutMs, RECONNECT_MS)
    try {
      return await untilReady(running, this.target, { timeoutMs, name })
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== 'MAYFLY_BOOT_TIMEOUT') throw error
      const { shortMessage, details, cause } = error
      const hint = "Does the guest's SSH server still run? Its network and its firewall must let it be reached."
      throw new MayflyError('MAYFLY_SSH_FAILED', shortMessage, { details, hint, cause })
    }
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
