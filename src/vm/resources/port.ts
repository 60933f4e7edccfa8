import { MayflyError } from '../../errors.js'
import type { Commands } from '../commands.js'
import { canonicalAddress, type Listener, type Protocol, parseListeners, parseSocketOwners } from './listeners.js'
import { ask, type LookOptions, type Records } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export interface PortOptions {
  /** Default `'tcp'`. */
  protocol?: Protocol | undefined
  /** One that must be reachable through the port: a listener on every address counts. Default: any. */
  address?: string | undefined
}

export interface PortState {
  /** The same as `listening`. */
  exists: boolean
  listening: boolean
  listeners: readonly Listener[]
}

/** A port of the guest, seen from inside: nothing is connected to. */
export class PortResource extends NamedResource<PortState> {
  readonly kind = 'port'
  readonly port: number
  readonly protocol: Protocol
  readonly address: string | undefined

  constructor(vm: Commands, port: number, { protocol = 'tcp', address }: PortOptions = {}) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `not a port: ${JSON.stringify(port)}`)
    }
    super(
      vm,
      `${address === undefined ? '' : address.includes(':') ? `[${address}]:` : `${address}:`}${port}/${protocol}`,
    )
    this.port = port
    this.protocol = protocol
    this.address = address === undefined ? undefined : canonicalAddress(address)
  }

  async isListening(): Promise<boolean> {
    return (await this.state()).listening
  }

  /** Who listens, and on which address. */
  async listeners(): Promise<readonly Listener[]> {
    return (await this.state()).listeners
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<PortState>> {
    const all = listenersOf(await ask(this.vm, this.title, SCRIPT, options))
    const listeners = all.filter((listener) => this.#isMeant(listener))
    return {
      state: { exists: listeners.length > 0, listening: listeners.length > 0, listeners },
      evidence: listeners.length > 0 ? [] : others(all),
    }
  }

  /** @internal */
  describe({ listeners }: PortState): string {
    if (listeners.length === 0) return 'is not listened on'
    return `is listened on: ${listeners.map(describeListener).join(', ')}`
  }

  #isMeant({ protocol, port, address }: Listener): boolean {
    if (protocol !== this.protocol || port !== this.port) return false
    if (this.address === undefined || address === this.address) return true
    // Linux gives an IPv6 socket the IPv4 connections, too, unless its program declines.
    return address === '::' || (address === '0.0.0.0' && !this.address.includes(':'))
  }
}

const TABLES = ['tcp', 'tcp6', 'udp', 'udp6'] as const

const SCRIPT = `for table in ${TABLES.join(' ')}; do
    [ -r /proc/net/$table ] && out $table cat /proc/net/$table
  done
  sockets() { ls -l /proc/[0-9]*/fd 2>/dev/null | grep -e '^/proc' -e 'socket:'; }
  out sockets sockets
  names() { for comm in /proc/[0-9]*/comm; do read -r name <$comm && echo "$comm $name"; done 2>/dev/null; }
  out names names`

function listenersOf(records: Records): Listener[] {
  const owners = parseSocketOwners(records.text('sockets'))
  const names = new Map(
    records.lines('names').map((line): [number, string] => {
      const match = /^\/proc\/(\d+)\/comm (.*)$/.exec(line)
      return [Number(match?.[1]), match?.[2] ?? '']
    }),
  )
  return TABLES.flatMap((table) => {
    const protocol = table.startsWith('tcp') ? 'tcp' : 'udp'
    return parseListeners(protocol, records.text(table), owners, names)
  })
}

function others(all: readonly Listener[]): string[] {
  if (all.length === 0) return ['nothing listens on any port']
  const lines = all.toSorted((a, b) => a.port - b.port).map((listener) => `  ${describeListener(listener)}`)
  return ['what is listened on:', ...new Set(lines)]
}

function describeListener({ address, port, protocol, pids, process }: Listener): string {
  const where = `${address.includes(':') ? `[${address}]` : address}:${port}/${protocol}`
  return process === undefined ? where : `${where} by ${process} (pid ${pids[0]})`
}
