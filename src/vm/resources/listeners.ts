import { URL } from '../../node-globals.js'
export type Protocol = 'tcp' | 'udp'

/** A socket that takes what comes to a port: a TCP one that listens, or a UDP one that is bound and not connected. */
export interface Listener {
  protocol: Protocol
  address: string
  port: number
  /** Of its owners, oldest first, where the guest's user may see them. */
  pids: readonly number[]
  /** The name of the first of them. */
  process: string | undefined
}

/** State of a TCP socket that listens, and of a UDP socket without a peer, in /proc/net. */
const STATES: Readonly<Record<Protocol, string>> = { tcp: '0A', udp: '07' }

/**
 * @param table the rows of /proc/net/tcp, tcp6, udp or udp6.
 * @param owners pids by the inode of a socket.
 * @param names names by pid.
 */
export function parseListeners(
  protocol: Protocol,
  table: string,
  owners: ReadonlyMap<string, readonly number[]>,
  names: ReadonlyMap<number, string>,
): Listener[] {
  return table.split('\n').flatMap((row): Listener[] => {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/)
    const [hex = '', port = ''] = local.split(':')
    if (state !== STATES[protocol] || !/^[0-9A-F]+$/.test(hex)) return []
    const pids = owners.get(inode) ?? []
    const process = pids[0] === undefined ? undefined : names.get(pids[0])
    return [{ protocol, address: parseAddress(hex), port: Number.parseInt(port, 16), pids, process }]
  })
}

/** An address of /proc/net: words of 32 bits in the byte order of the machine, which is little-endian everywhere we run. */
function parseAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse())
  const numbers = bytes.map((byte) => Number.parseInt(byte, 16))
  if (numbers.length === 4) return numbers.join('.')
  const mapped = numbers.slice(0, 12).join() === '0,0,0,0,0,0,0,0,0,0,255,255'
  return mapped ? numbers.slice(12).join('.') : shortIpv6(bytes)
}

function shortIpv6(bytes: readonly string[]): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    Number.parseInt(`${bytes[2 * i]}${bytes[2 * i + 1]}`, 16).toString(16),
  )
  return canonicalAddress(groups.join(':'))
}

/** One text for each address: IPv6 in its short form, without a zone. */
export function canonicalAddress(address: string): string {
  if (!address.includes(':')) return address
  return new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1)
}

/** Lines of `ls -l /proc/<pid>/fd`: which processes have which sockets. */
export function parseSocketOwners(listing: string): Map<string, number[]> {
  const owners = new Map<string, number[]>()
  let pid = 0
  for (const line of listing.split('\n')) {
    pid = Number(/^\/proc\/(\d+)\/fd:$/.exec(line)?.[1] ?? pid)
    const inode = /socket:\[(\d+)\]$/.exec(line)?.[1]
    if (inode === undefined) continue
    const pids = owners.get(inode) ?? []
    if (!pids.includes(pid))
      owners.set(
        inode,
        [...pids, pid].sort((a, b) => a - b),
      )
  }
  return owners
}
