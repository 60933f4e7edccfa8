import { readFile } from 'node:fs/promises'
import { MayflyError } from '../errors.js'
import type { Network } from '../guest/network.js'
import { runTool } from '../host/run-tool.js'
import { findTool } from '../host/tools.js'

const CAP_NET_ADMIN = 12n

/**
 * Whether guests can be connected to a bridge, before anything is started for it.
 * @throws MayflyError MAYFLY_NETWORK_UNUSABLE naming the bridges that there are, or what is not allowed; MAYFLY_TOOL_MISSING.
 */
export async function assertBridge(bridge: string): Promise<void> {
  if (process.platform !== 'linux') {
    throw unusable(`a tap network needs Linux, this is ${process.platform}`, [], "Use network: 'user'.")
  }
  const bridges = await listBridges()
  if (!bridges.includes(bridge)) {
    throw unusable(
      `there is no bridge ${bridge}`,
      [`bridges of this host: ${bridges.length === 0 ? 'none' : bridges.join(', ')}`],
      `Name one of them, or make it: ip link add ${bridge} type bridge && ip link set ${bridge} up`,
    )
  }
  if (!(await mayAdministerNetworks())) throw notAllowed(bridge, 'this process does not have CAP_NET_ADMIN')
}

/**
 * Whether this host can connect a guest as it is defined: asked before anything is built for it.
 * @throws MayflyError as `assertBridge`.
 */
export async function assertConnectable({ network }: { network: Network }): Promise<void> {
  if (network.mode === 'tap') await assertBridge(network.bridge)
}

/** Connects an interface to a bridge, and brings it up. */
export async function joinBridge(name: string, bridge: string): Promise<void> {
  const { exitCode, stderr } = await ip('link', 'set', 'dev', name, 'master', bridge, 'up')
  if (exitCode === 0) return
  if (/not permitted/i.test(stderr)) throw notAllowed(bridge, stderr.trim())
  throw unusable(`${name} could not be connected to ${bridge}`, stderr.trim().split('\n'), `Is ${bridge} still there?`)
}

async function listBridges(): Promise<string[]> {
  const { stdout } = await ip('-json', 'link', 'show', 'type', 'bridge')
  const links = JSON.parse(stdout || '[]') as { ifname?: string }[]
  return links.flatMap(({ ifname }) => ifname ?? [])
}

/** IPv4 addresses of an interface of this host, with the length of their prefix. */
export async function addressesOf(name: string): Promise<{ local: string; prefixlen: number }[]> {
  const { stdout } = await ip('-json', '-4', 'address', 'show', 'dev', name)
  type Address = { local?: string; prefixlen?: number }
  const links = JSON.parse(stdout || '[]') as { addr_info?: Address[] }[]
  return links.flatMap(({ addr_info: addresses = [] }) =>
    addresses.flatMap(({ local, prefixlen }) => (local && prefixlen !== undefined ? [{ local, prefixlen }] : [])),
  )
}

async function ip(...args: string[]) {
  const { stdout, ...result } = await runTool(await findTool('ip'), args)
  return { ...result, stdout: stdout.toString() }
}

async function mayAdministerNetworks(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8')
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n
}

function notAllowed(bridge: string, why: string): MayflyError {
  return unusable(
    `a guest cannot be connected to ${bridge}: ${why}`,
    ['tap interfaces are made and connected to bridges with the capability CAP_NET_ADMIN'],
    "Run as root, or with it alone: sudo setpriv --reuid $UID --regid $(id -g) --init-groups --inh-caps +net_admin --ambient-caps +net_admin <command>. Or use network: 'user', which needs nothing.",
  )
}

function unusable(message: string, details: string[], hint: string): MayflyError {
  return new MayflyError('MAYFLY_NETWORK_UNUSABLE', message, { details, hint })
}
