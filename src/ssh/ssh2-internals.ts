import type { Readable } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { RelayedChannel } from './relayed-channel.js'
import { RelayedClient } from './relayed-client.js'

/** The parts of ssh2 (exactly the pinned version) that it does not export and that dropbear's defects make necessary. */
interface Protocol {
  ping(): void
  authPK(username: string, key: SigningKey, algorithm: string, sign?: Sign): void
  signal(channel: number, name: string): void
}

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void

interface SigningKey {
  sign(data: Buffer): Buffer
}

interface ChannelInternals {
  incoming: { window: number }
  outgoing: { id: number; state: 'open' | 'eof' | 'closing' | 'closed' }
  _client: ClientInternals
}

interface ClientInternals {
  _protocol: Protocol
  /** Of requests whose replies come in the order of the requests. */
  _callbacks: (() => void)[]
}

/**
 * Sends the signature with the first request, which RFC 4252 section 7 allows. ssh2 would ask first whether the server
 * takes the key at all: a round trip, 20 ms of an emulated OpenSSH. Call it after `connect`.
 */
export function signAtOnce(client: Client): void {
  const { _protocol: protocol } = client as unknown as ClientInternals
  const { authPK } = protocol
  protocol.authPK = (username, key, algorithm, sign = (data, done) => done(key.sign(data))) => {
    authPK.call(protocol, username, key, algorithm, sign)
  }
}

/** Sends one packet that changes nothing. */
export function sendPadding(client: Client | RelayedClient): void {
  // Whoever has the connection does so.
  if (client instanceof RelayedClient) return
  ;(client as unknown as ClientInternals)._protocol.ping()
}

/** Asks the server for a reply to nothing. */
export function ping(client: Client, onReply: () => void): void {
  const { _callbacks, _protocol } = client as unknown as ClientInternals
  _callbacks.push(onReply)
  _protocol.ping()
}

/** Settles when the server of this channel has answered. For a connection on which no padding is sent. */
export function roundTrip(channel: ClientChannel): Promise<void> {
  const { _client } = channel as unknown as ChannelInternals
  return new Promise((resolve) => ping(_client as unknown as Client, resolve))
}

/** Counts what comes on a channel from now on, read or not. */
export function countReceived(channel: ClientChannel): { readonly bytes: number; readonly windowIsClosed: boolean } {
  const { incoming } = channel as unknown as ChannelInternals
  let bytes = 0
  for (const stream of [channel, channel.stderr] as Readable[]) {
    const push = stream.push.bind(stream)
    stream.push = (chunk: Buffer | null) => {
      bytes += chunk?.length ?? 0
      return push(chunk)
    }
  }
  return {
    get bytes() {
      return bytes
    },
    get windowIsClosed() {
      return incoming.window <= 0
    },
  }
}

/**
 * Gives a command up: kills the process the server started for it and closes the channel. ssh2 alone would send no
 * signal once the input has ended, and would still open the window of a channel it has closed, which ends the
 * connection when the server has already forgotten that channel.
 */
export function abandon(channel: ClientChannel | RelayedChannel): void {
  if (channel instanceof RelayedChannel) {
    channel.abandon()
    return
  }
  const { incoming, outgoing, _client } = channel as unknown as ChannelInternals
  for (const stream of [channel, channel.stderr]) stream.removeAllListeners('data').resume()
  if (outgoing.state !== 'open' && outgoing.state !== 'eof') return
  _client._protocol.signal(outgoing.id, 'KILL')
  incoming.window = Number.POSITIVE_INFINITY
  channel.close()
}
