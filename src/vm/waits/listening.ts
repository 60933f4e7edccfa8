import { URL } from '../../node-globals.js'
export interface Listening {
  /** As it is written: `0.0.0.0`, `127.0.0.1`, `::`, `::1`. */
  address: string
  port: number
}

/** The local ends in lines of /proc/net/tcp and tcp6, by port. Addresses there are hex words in the guest's order of bytes: the least first. */
export function listeningIn(table: string): Listening[] {
  const sockets = [...table.matchAll(/^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) /gm)]
  return sockets
    .map(([, address, port]) => ({ address: addressOf(address!), port: Number.parseInt(port!, 16) }))
    .sort((one, other) => one.port - other.port)
}

function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes.swap32()
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
