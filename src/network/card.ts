import { createHash } from 'node:crypto'
import type { Network } from '../guest/network.js'
import type { NetworkCard } from '../qemu/argv.js'

/**
 * A machine's own card. On a bridge its MAC address follows from the machine's id, so it is the same after a reboot, and
 * another for every machine.
 * @param start how often the machine was started: each QEMU makes an interface, and the last one's may still be there.
 */
export function cardOf(network: Network, id: string, start: number): NetworkCard {
  if (network.mode !== 'tap') return network
  const own = createHash('sha256').update(id).digest('hex').slice(0, 8)
  // 52 says that the address is locally administered. An interface's name has 15 characters at most.
  const mac = ['52', '54', ...own.match(/../g)!].join(':')
  return { ...network, mac, interface: `mayfly${own}${start % 10}` }
}
