import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where DHCP servers of common set-ups keep their leases: dnsmasq, libvirt's dnsmasq, ISC dhcpd. */
const PLACES: readonly { directory: string; names: RegExp }[] = [
  { directory: '/var/lib/misc', names: /^dnsmasq.*\.leases$/ },
  { directory: '/var/lib/dnsmasq', names: /\.leases$/ },
  { directory: '/var/lib/libvirt/dnsmasq', names: /\.status$/ },
  { directory: '/var/lib/dhcp', names: /^dhcpd\.leases$/ },
  { directory: '/var/lib/dhcpd', names: /^dhcpd\.leases$/ },
]

/** The IPv4 address that a DHCP server of this host has given to a MAC address, as far as its lease file tells. */
export async function leasedAddress(mac: string, file?: string): Promise<string | undefined> {
  for (const path of [...(file === undefined ? [] : [file]), ...(await usualFiles())]) {
    const address = parseLeases(await readFile(path, 'utf8').catch(() => '')).get(mac)
    if (address !== undefined) return address
  }
  return undefined
}

/** IPv4 addresses by MAC address, in lower case. Of several leases of one the last counts. */
export function parseLeases(text: string): ReadonlyMap<string, string> {
  if (text.trimStart().startsWith('[')) return libvirtLeases(text)
  const leases = new Map<string, string>()
  // dnsmasq: one line each, `EXPIRY MAC ADDRESS NAME CLIENT-ID`.
  for (const match of text.matchAll(/^\d+ ([0-9a-f:]{17}) (\d+\.\d+\.\d+\.\d+) /gim)) {
    leases.set(match[1]!.toLowerCase(), match[2]!)
  }
  // ISC: a block each, which a later block supersedes.
  for (const match of text.matchAll(/^lease (\d+\.\d+\.\d+\.\d+) \{([^}]*)\}/gm)) {
    const mac = /hardware ethernet ([0-9a-f:]{17});/i.exec(match[2]!)?.[1]
    if (mac !== undefined) leases.set(mac.toLowerCase(), match[1]!)
  }
  return leases
}

function libvirtLeases(text: string): ReadonlyMap<string, string> {
  try {
    const entries = JSON.parse(text) as { 'ip-address'?: string; 'mac-address'?: string }[]
    return new Map(
      entries.flatMap((entry) => {
        const { 'mac-address': mac, 'ip-address': address } = entry
        return mac !== undefined && address?.includes('.') ? [[mac.toLowerCase(), address] as const] : []
      }),
    )
  } catch {
    // It is being written.
    return new Map()
  }
}

async function usualFiles(): Promise<string[]> {
  const found = PLACES.map(async ({ directory, names }) => {
    const entries = await readdir(directory).catch(() => [])
    return entries.filter((name) => names.test(name)).map((name) => join(directory, name))
  })
  return (await Promise.all(found)).flat()
}
