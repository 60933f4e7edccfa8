import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { addressesOf } from './bridge.js'

/** The kernel's table of IPv4 neighbours, of this process's network namespace. */
const TABLE = '/proc/net/arp'
/** ATF_COM of linux/if_arp.h: the address is known. */
const COMPLETE = 0x2
/** A larger subnet is not asked through: that is not a machine's own bridge. */
const LONGEST_SUBNET_PREFIX = 22
/** RFC 863: whoever listens there throws it away. */
const DISCARD_PORT = 9

/** The IPv4 address that this host knows a MAC address on an interface by. */
export async function neighbourAddress(mac: string, device: string): Promise<string | undefined> {
  return parseNeighbours(await readFile(TABLE, 'utf8'), device).get(mac)
}

/** IPv4 addresses on an interface by MAC address, from the text of `/proc/net/arp`. */
export function parseNeighbours(table: string, device: string): ReadonlyMap<string, string> {
  const rows = table
    .split('\n')
    .slice(1)
    .map((row) => row.trim().split(/\s+/))
  return new Map(
    rows.flatMap(([address, , flags, mac, , name]) =>
      name === device && mac && address && (Number(flags) & COMPLETE) !== 0 ? [[mac.toLowerCase(), address]] : [],
    ),
  )
}

/**
 * Makes the kernel ask who has each address of an interface's subnets, by sending a datagram to nobody in particular: guests
 * whose addresses come from elsewhere do not show up by themselves.
 */
export async function askNeighbours(device: string): Promise<void> {
  const addresses = (await addressesOf(device)).flatMap(({ local, prefixlen }) => subnet(local, prefixlen))
  if (addresses.length === 0) return
  const socket = createSocket('udp4')
  // Nobody answers, and some addresses cannot be sent to.
  socket.on('error', () => {})
  await Promise.all(
    addresses.map((address) => new Promise<void>((sent) => socket.send('', DISCARD_PORT, address, () => sent()))),
  )
  socket.close()
}

/** The other addresses of a small subnet. */
export function subnet(local: string, prefixLength: number): string[] {
  if (prefixLength < LONGEST_SUBNET_PREFIX || prefixLength > 30) return []
  const own = local.split('.').reduce((number, part) => number * 256 + Number(part), 0)
  const size = 2 ** (32 - prefixLength)
  const first = own - (own % size)
  return Array.from({ length: size - 2 }, (_, index) => first + 1 + index)
    .filter((address) => address !== own)
    .map((address) => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.'))
}
