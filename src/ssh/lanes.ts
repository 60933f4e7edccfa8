import { AbortController, clearTimeout, setTimeout } from '../node-globals.js'
import type { SshConnection } from './connection.js'

/** One more command that may run on `connection`. */
export interface Slot {
  connection: SshConnection
  /** The channel is open. */
  granted(): void
  /** The channel is closed. */
  release(): void
  /** The server refused the channel. Gives the slot back; true if it may be better next time. */
  refused(): boolean
}

export interface Ticket {
  slot: Promise<Slot>
  /** True if it was still waiting; then `slot` rejects and nothing is held. */
  cancel(): boolean
}

interface Lane {
  connection: SshConnection
  /** For urgent commands only: others could fill it with what an urgent one is to kill. */
  spare: boolean
  limit: number
  open: number
  /** Refusals in a row while nothing else was open. */
  refusals: number
  idle: NodeJS.Timeout | undefined
}

interface Waiter {
  urgent: boolean
  resolve(slot: Slot): void
  reject(error: unknown): void
}

/** OpenSSH allows 10 on a connection, and counts one whose process it has not yet reaped. */
const SESSIONS = 8
const MOST_REFUSALS = 20
const REFUSAL_PAUSE_MS = 50
/** Connections to one server, besides those that urgent commands need. */
const MAX_LANES = 8
/** dropbear accepts five unfinished logins from one address. */
const MAX_LOGINS = 2
/** How long no command may have ended before another connection is made: a handshake costs more than a short command. */
const PATIENCE_MS = 50
const IDLE_MS = 5_000

/**
 * Shares one server's sessions among commands. Whoever finds none free waits; while nobody gives one back, further
 * connections are opened beside the first, and closed when they are idle.
 *
 * dropbear gets one command at a time per connection. From 2022.82 to 2024.85, which Debian 12 has, it closes a new
 * channel when another command of the connection exits before the exec request has come, starts the command all the same,
 * and dies of an assertion at its first output (mkj/dropbear issues 173 and 321).
 */
export class Lanes {
  readonly #first: SshConnection
  readonly #openAnother: (signal: AbortSignal) => Promise<SshConnection>
  readonly #lanes: Lane[]
  readonly #waiting: Waiter[] = []
  readonly #openings = new Set<Promise<void>>()
  readonly #closed = new AbortController()
  #patience: NodeJS.Timeout | undefined

  constructor(first: SshConnection, openAnother: (signal: AbortSignal) => Promise<SshConnection>) {
    this.#first = first
    this.#openAnother = openAnother
    this.#lanes = [this.#lane(first, false)]
  }

  /** @param urgent goes before the others, and does not wait for them to end. */
  acquire(urgent = false): Ticket {
    let waiter: Waiter
    const slot = new Promise<Slot>((resolve, reject) => {
      waiter = { urgent, resolve, reject }
      const before = urgent ? this.#waiting.findIndex((other) => !other.urgent) : -1
      this.#waiting.splice(before < 0 ? this.#waiting.length : before, 0, waiter)
    })
    this.#dispatch()
    return {
      slot,
      cancel: () => {
        const index = this.#waiting.indexOf(waiter)
        if (index < 0) return false
        this.#waiting.splice(index, 1)
        waiter.reject(new Error('cancelled'))
        return true
      },
    }
  }

  /** How many commands run, for an error that says why another did not. */
  get running(): number {
    return this.#lanes.reduce((sum, { open }) => sum + open, 0)
  }

  /** Closes all connections but the first. */
  async close(): Promise<void> {
    clearTimeout(this.#patience)
    this.#waiting.length = 0
    this.#closed.abort()
    await Promise.all(this.#openings)
    await Promise.all(this.#lanes.splice(1).map((lane) => this.#closeLane(lane)))
  }

  #dispatch(): void {
    clearTimeout(this.#patience)
    for (;;) {
      const waiter = this.#waiting[0]
      if (!waiter) return
      const lane = this.#lanes.find(
        ({ connection, spare, open, limit }) => connection.connected && open < limit && (waiter.urgent || !spare),
      )
      if (!lane) break
      this.#waiting.shift()
      waiter.resolve(this.#take(lane))
    }
    this.#grow(true)
    if (!this.#waiting[0]!.urgent) this.#patience = setTimeout(() => this.#grow(false), PATIENCE_MS)
  }

  /** Opens as many connections as there are waiters for them. */
  #grow(urgentOnly: boolean): void {
    const most = urgentOnly ? Number.POSITIVE_INFINITY : MAX_LANES
    const wanted = urgentOnly ? this.#waiting.filter(({ urgent }) => urgent).length : this.#waiting.length
    while (this.#openings.size < Math.min(wanted, MAX_LOGINS) && this.#lanes.length + this.#openings.size < most) {
      const opening = this.#open().finally(() => {
        this.#openings.delete(opening)
        if (this.#waiting.length > 0) this.#dispatch()
      })
      this.#openings.add(opening)
    }
  }

  async #open(): Promise<void> {
    try {
      const connection = await this.#openAnother(this.#closed.signal)
      if (this.#closed.signal.aborted) return await connection.close()
      const lane = this.#lane(connection, this.#lanes.length >= MAX_LANES)
      this.#lanes.push(lane)
      connection.onClose(() => this.#remove(lane))
      this.#restUnlessUsed(lane)
    } catch (error) {
      // The server takes no more connections; what runs will end. An urgent command is told.
      if (this.#waiting[0]?.urgent) this.#waiting.shift()!.reject(error)
    }
  }

  #lane(connection: SshConnection, spare: boolean): Lane {
    return { connection, spare, limit: sessionsOf(connection), open: 0, refusals: 0, idle: undefined }
  }

  #take(lane: Lane): Slot {
    clearTimeout(lane.idle)
    lane.open++
    let held = true
    const release = () => {
      if (!held) return
      held = false
      lane.open--
      if (lane.open === 0 && lane.limit > 0) lane.limit = sessionsOf(lane.connection)
      this.#restUnlessUsed(lane)
      this.#dispatch()
    }
    const refused = () => {
      lane.limit = lane.open - 1
      if (lane.limit === 0) {
        lane.refusals++
        setTimeout(() => this.#reopen(lane), REFUSAL_PAUSE_MS)
      }
      release()
      return lane.refusals < MOST_REFUSALS
    }
    const granted = () => {
      lane.refusals = 0
    }
    return { connection: lane.connection, granted, release, refused }
  }

  #reopen(lane: Lane): void {
    lane.limit = Math.max(lane.limit, 1)
    this.#dispatch()
  }

  #restUnlessUsed(lane: Lane): void {
    if (lane.open > 0 || lane.connection === this.#first) return
    clearTimeout(lane.idle)
    lane.idle = setTimeout(() => void this.#closeLane(lane), IDLE_MS).unref()
  }

  async #closeLane(lane: Lane): Promise<void> {
    this.#remove(lane)
    await lane.connection.close()
  }

  #remove(lane: Lane): void {
    clearTimeout(lane.idle)
    const index = this.#lanes.indexOf(lane)
    if (index > 0) this.#lanes.splice(index, 1)
  }
}

function sessionsOf(connection: SshConnection): number {
  return connection.isDropbear ? 1 : SESSIONS
}
