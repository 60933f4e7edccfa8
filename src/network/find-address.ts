import { MayflyError } from '../errors.js'
import { performance, delay as sleep } from '../node-globals.js'
import { formatMilliseconds } from '../units.js'
import { addressesOf } from './bridge.js'
import { leasedAddress } from './leases.js'
import { askNeighbours, neighbourAddress } from './neighbours.js'

/** Reading two small files costs less than being told. */
const LOOK_EVERY_MS = 50
/** Until then a DHCP server of this host has answered, if there is one. */
const ASK_AFTER_MS = 2000
const ASK_EVERY_MS = 3000

export interface FindAddressOptions {
  mac: string
  bridge: string
  /** A lease file besides the usual ones. */
  leases?: string | undefined
  timeoutMs: number
  signal?: AbortSignal | undefined
  /** Whose address it is, for the error. */
  name: string
}

/**
 * The IPv4 address of a guest on a bridge, by its MAC address: from lease files of this host, and from the table of its neighbours.
 * @throws MayflyError MAYFLY_BOOT_TIMEOUT saying where was looked, MAYFLY_ABORTED.
 */
export async function findAddress(options: FindAddressOptions): Promise<string> {
  const { mac, bridge, leases, timeoutMs, signal, name } = options
  const started = performance.now()
  let askedAt = started + ASK_AFTER_MS - ASK_EVERY_MS
  for (;;) {
    if (signal?.aborted) {
      throw new MayflyError('MAYFLY_ABORTED', `gave up looking for the address of ${name}`, { cause: signal.reason })
    }
    const address = (await leasedAddress(mac, leases)) ?? (await neighbourAddress(mac, bridge))
    if (address !== undefined) return address
    const now = performance.now()
    if (now - started > timeoutMs) throw await notFound(options)
    if (now - askedAt > ASK_EVERY_MS) {
      askedAt = now
      await askNeighbours(bridge)
    }
    await sleep(LOOK_EVERY_MS)
  }
}

async function notFound({ mac, bridge, leases, timeoutMs, name }: FindAddressOptions): Promise<MayflyError> {
  const own = (await addressesOf(bridge)).map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  return new MayflyError(
    'MAYFLY_BOOT_TIMEOUT',
    `${name} has no address on ${bridge} within ${formatMilliseconds(timeoutMs)}`,
    {
      details: [
        `its MAC address: ${mac}`,
        `looked into: the neighbours on ${bridge}, lease files of dnsmasq, libvirt and ISC dhcpd${leases === undefined ? '' : `, ${leases}`}`,
        `this host's addresses on ${bridge}: ${own.length === 0 ? 'none' : own.join(', ')}`,
      ],
      hint: `Does a DHCP server answer on ${bridge}, and has this host an address there? A lease file elsewhere can be named: network: { mode: 'tap', bridge: '${bridge}', leases: '/path' }.`,
    },
  )
}
