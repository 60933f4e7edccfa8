import { isIP } from 'node:net'
import { MayflyError } from '../../errors.js'
import { URL } from '../../node-globals.js'
import type { Commands } from '../commands.js'
import { type Listening, listeningIn } from './listening.js'
import { type Awaited, QUICK_PAUSE_MS, type WaitOptions } from './until.js'

export interface PortWaitOptions extends WaitOptions {
  /** Where it must be listened on: an IP address or `'localhost'`; a server that listens on all addresses counts. Default: anywhere. */
  address?: string | undefined
}

/** The kernel's own table: no tool is needed, and no connection is made to the port. 0A is LISTEN. */
const LOOK = "grep -hs ' 0A ' /proc/net/tcp /proc/net/tcp6"

/** A TCP port of the guest to be listened on, or not. */
export function portTo(be: 'open' | 'closed', vm: Commands, port: number, { address }: PortWaitOptions): Awaited<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `not a TCP port: ${JSON.stringify(port)}`)
  }
  if (address !== undefined && address !== 'localhost' && isIP(address) === 0) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `not an IP address: ${JSON.stringify(address)}`, {
      hint: "Give one such as '127.0.0.1', or 'localhost'.",
    })
  }
  return {
    title: `port ${port}${address === undefined ? '' : ` on ${address}`} to be ${be}`,
    longestPauseMs: QUICK_PAUSE_MS,
    async look(options) {
      const listening = listeningIn((await vm.probe(LOOK, options)).stdout)
      const open = listening.some((socket) => socket.port === port && accepts(socket, address))
      return open === (be === 'open') ? { met: undefined } : { seen: [`last: ${tell(listening, port)}`] }
    },
  }
}

function accepts(socket: Listening, address: string | undefined): boolean {
  if (address === undefined) return true
  const asked =
    address === 'localhost' ? ['127.0.0.1', '::1'] : [new URL(urlOf(address)).hostname.replace(/[[\]]/g, '')]
  return asked.some(
    (wanted) =>
      socket.address === wanted || socket.address === '::' || (socket.address === '0.0.0.0' && isIP(wanted) === 4),
  )
}

/** In which IPv6 addresses get their one short form. */
function urlOf(address: string): string {
  return isIP(address) === 6 ? `http://[${address}]` : `http://${address}`
}

function tell(listening: readonly Listening[], port: number): string {
  const where = (sockets: readonly Listening[]) => [
    ...new Set(
      sockets.map(({ address, port }) => (isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`)),
    ),
  ]
  const there = where(listening.filter((socket) => socket.port === port))
  if (there.length > 0) return `${there.join(', ')} is listened on`
  const others = where(listening)
  return `it is not listened on; ${others.length === 0 ? 'no TCP port is' : `these are: ${others.join(', ')}`}`
}
