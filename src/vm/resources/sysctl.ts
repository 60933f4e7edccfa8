import { MayflyError } from '../../errors.js'
import { quote } from '../../ssh/quote.js'
import type { Commands } from '../commands.js'
import { ask, type LookOptions, someOf } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export interface SysctlState {
  exists: boolean
  /** As the kernel prints it, with single spaces between words; undefined if there is no such key, or it cannot be read. */
  value: string | undefined
}

/** A setting of the running kernel: `net.ipv4.ip_forward`. */
export class SysctlResource extends NamedResource<SysctlState> {
  readonly kind = 'sysctl'

  constructor(vm: Commands, name: string) {
    super(vm, name)
    if (!/^\w[^\n]*$/.test(name) || name.includes('..')) {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `not the name of a kernel setting: ${JSON.stringify(name)}`)
    }
  }

  /** As the kernel prints it, with single spaces between words. */
  async value(): Promise<string> {
    return (await this.existing()).value ?? ''
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<SysctlState>> {
    const path = quote(pathOf(this.name))
    const script = `if [ -f ${path} ]; then say exists yes; value=$(cat ${path} 2>/dev/null) && say value "$value"; fi
      parent=${path}; parent=\${parent%/*}
      [ -d "$parent" ] && out siblings ls "$parent"`
    const records = await ask(this.vm, this.title, script, options)
    const exists = records.has('exists')
    const value = records.has('value') ? records.text('value').replace(/[^\S\n]+/g, ' ') : undefined
    const siblings = records.lines('siblings')
    return {
      state: { exists, value },
      evidence: exists || siblings.length === 0 ? [] : [`beside it there is: ${someOf(siblings)}`],
    }
  }

  /** @internal */
  describe({ exists, value }: SysctlState): string {
    if (!exists) return 'does not exist'
    return value === undefined ? 'cannot be read' : `is ${value === '' ? 'empty' : value}`
  }
}

/** Where dots are part of a name, slashes separate: `net/ipv4/conf/eth0.1/forwarding`. */
function pathOf(name: string): string {
  return `/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`
}
