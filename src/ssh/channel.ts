import type { ClientChannel } from 'ssh2'
import type { SshConnection } from './connection.js'

/** How many channels of a connection are open, and who waits for one to close. */
interface Slots {
  open: number
  waiting: (() => void)[]
}

/** Commands that run side by side on one connection; OpenSSH allows 10 sessions, of which shells need some. */
const MAX_OPEN = 8

/** OpenSSH refuses the channel, dropbear sometimes the exec request; either way the command has not run. */
const REFUSED = /^\(SSH\) Channel open failure|^Unable to exec$/

const slotsOf = new WeakMap<SshConnection, Slots>()

export interface OpenChannelOptions {
  /** Fail at once when the server has no session left, instead of waiting for one. */
  noWait?: boolean | undefined
}

/**
 * Opens one exec channel running `command`: one channel open and one exec request. When too many run already, it
 * waits for another to end.
 */
export async function openExecChannel(
  connection: SshConnection,
  command: string,
  what: string,
  options: OpenChannelOptions = {},
): Promise<ClientChannel> {
  let slots = slotsOf.get(connection)
  if (!slots) {
    slots = { open: 0, waiting: [] }
    slotsOf.set(connection, slots)
  }
  const shared = slots
  const release = () => {
    shared.open--
    shared.waiting.shift()?.()
  }
  const wait = () => connection.during(what, () => new Promise<void>((resolve) => shared.waiting.push(resolve)))
  for (;;) {
    while (!options.noWait && shared.open >= MAX_OPEN) await wait()
    shared.open++
    try {
      const channel = await connection.during(what, (client) => {
        return new Promise<ClientChannel>((resolve, reject) => {
          client.exec(command, (error, opened) => (error ? reject(error) : resolve(opened)))
        })
      })
      channel.once('close', release)
      return channel
    } catch (error) {
      release()
      const full = error instanceof Error && REFUSED.test(error.message)
      if (!full || options.noWait || shared.open === 0) throw error
      await wait()
    }
  }
}
