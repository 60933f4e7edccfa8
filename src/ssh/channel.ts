import type { Client, ClientChannel } from 'ssh2'
import { isError } from '../errors.js'
import type { SshConnection } from './connection.js'
import { endWithShell } from './end-with-shell.js'
import type { Slot, Ticket } from './lanes.js'
import { RelayedClient } from './relayed-client.js'
import { sendPadding } from './ssh2-internals.js'

/** A channel and the connection it is on, which is not always the one that was asked. */
export interface OpenChannel<T = ClientChannel> {
  channel: T
  connection: SshConnection
}

export interface OpeningChannel<T = ClientChannel> {
  opened: Promise<OpenChannel<T>>
  /** Asks no more. True if the server has not heard of it yet; then it never will, and `opened` rejects. */
  cancel(): boolean
}

type Request<T> = (client: Client) => Promise<T>

/** OpenSSH's answer to one session too many. The exec request, which starts the command, has not been sent then. */
const REFUSED = /^\(SSH\) Channel open failure/

/**
 * Opens one session channel by `request`. When all sessions of the server are taken, it waits for one.
 * @param urgent goes first; if need be another connection is made for it.
 */
export function openChannel<T extends { once(event: 'close', listener: () => void): unknown }>(
  connection: SshConnection,
  what: string,
  request: Request<T>,
  urgent = false,
): OpeningChannel<T> {
  let ticket: Ticket
  let givenUp = false
  connection.takeWaitingShell()?.end()
  const attempt = async (): Promise<OpenChannel<T>> => {
    ticket = connection.lanes.acquire(urgent)
    const slot = await connection.during(what, () => ticket.slot)
    try {
      const channel = await openOn(slot, what, request)
      slot.granted()
      channel.once('close', slot.release)
      return { channel, connection: slot.connection }
    } catch (error) {
      if (isError(error) && REFUSED.test(error.message) && slot.refused() && !givenUp) return attempt()
      slot.release()
      throw error
    }
  }
  const cancel = () => {
    givenUp = true
    return ticket.cancel()
  }
  return { opened: attempt(), cancel }
}

/** A channel that runs `command`: one channel open and one exec request. */
export function openExecChannel(
  connection: SshConnection,
  command: string,
  what: string,
  urgent?: boolean,
): OpeningChannel {
  return openChannel(
    connection,
    what,
    (client) =>
      new Promise<ClientChannel>((resolve, reject) => {
        client.exec(command, (error, opened) => {
          if (error) return reject(error)
          // A relayed one is closed where the connection is.
          if (!connection.isDropbear && !(client instanceof RelayedClient)) endWithShell(opened)
          resolve(opened)
        })
      }),
    urgent,
  )
}

function openOn<T>({ connection }: Slot, what: string, request: Request<T>): Promise<T> {
  return connection.during(what, (client) => {
    // dropbear reads one packet per turn. It may have noticed the last command's end and not yet have gone round, and
    // a channel that opens in that very turn would be closed: this packet takes the turn.
    if (connection.isDropbear) sendPadding(client)
    return request(client)
  })
}
