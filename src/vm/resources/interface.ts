import { MayflyError } from '../../errors.js'
import { quote } from '../../ssh/quote.js'
import type { Commands } from '../commands.js'
import { ask, type LookOptions } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export interface InterfaceState {
  exists: boolean
  /** Switched on, and not without a carrier. */
  up: boolean
  /** With the length of the prefix: `10.0.2.15/24`. */
  addresses: readonly string[]
  mac: string | undefined
  mtu: number | undefined
}

const IFF_UP = 1

/** A network interface. */
export class InterfaceResource extends NamedResource<InterfaceState> {
  readonly kind = 'interface'

  constructor(vm: Commands, name: string) {
    super(vm, name)
    if (!/^[^\s/]+$/.test(name) || name === '.' || name === '..') {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `not the name of an interface: ${JSON.stringify(name)}`)
    }
  }

  async isUp(): Promise<boolean> {
    return (await this.state()).up
  }

  /** With the length of the prefix: `10.0.2.15/24`. */
  async addresses(): Promise<readonly string[]> {
    return (await this.existing()).addresses
  }

  async mac(): Promise<string> {
    return (await this.existing()).mac!
  }

  async mtu(): Promise<number> {
    return (await this.existing()).mtu!
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<InterfaceState>> {
    const name = quote(this.name)
    const script = `cd /sys/class/net
      if [ -e ./${name} ]; then say exists yes
        for file in flags operstate address mtu; do
          read -r value <./${name}/$file && say $file "$value"
        done 2>/dev/null
        out addresses ip -o addr show dev ${name}
      fi
      say all "$(ls)"`
    const records = await ask(this.vm, this.title, script, options)
    const exists = records.has('exists')
    const on = (Number(records.text('flags')) & IFF_UP) !== 0
    return {
      state: {
        exists,
        up: on && !['down', 'lowerlayerdown', 'notpresent', 'dormant'].includes(records.text('operstate')),
        addresses: parseAddresses(records.text('addresses')),
        mac: exists ? records.text('address') : undefined,
        mtu: exists ? Number(records.text('mtu')) : undefined,
      },
      evidence: exists ? [] : [`the interfaces are: ${records.lines('all').join(', ')}`],
    }
  }

  /** @internal */
  describe({ exists, up, addresses }: InterfaceState): string {
    if (!exists) return 'does not exist'
    return `is ${up ? 'up' : 'down'}, with ${addresses.length === 0 ? 'no address' : addresses.join(', ')}`
  }
}

/** Addresses in lines of `ip -o addr show`. */
export function parseAddresses(text: string): string[] {
  return [...text.matchAll(/^\d+:\s+\S+\s+inet6?\s+(\S+)/gm)].map((match) => match[1]!)
}
