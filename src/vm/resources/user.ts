import { quote } from '../../ssh/quote.js'
import { ask, type LookOptions, someOf } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export interface UserState {
  exists: boolean
  uid: number | undefined
  gid: number | undefined
  /** Name of the primary group. */
  group: string | undefined
  /** Names of all groups, the primary one first. */
  groups: readonly string[]
  home: string | undefined
  shell: string | undefined
  /** Full name and the like, as /etc/passwd has it. */
  comment: string | undefined
}

/** A user account, by name. */
export class UserResource extends NamedResource<UserState> {
  readonly kind = 'user'

  async uid(): Promise<number> {
    return (await this.existing()).uid!
  }

  async gid(): Promise<number> {
    return (await this.existing()).gid!
  }

  /** Name of the primary group. */
  async group(): Promise<string> {
    return (await this.existing()).group!
  }

  /** Names of all groups, the primary one first. */
  async groups(): Promise<readonly string[]> {
    return (await this.existing()).groups
  }

  async home(): Promise<string> {
    return (await this.existing()).home!
  }

  async shell(): Promise<string> {
    return (await this.existing()).shell!
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<UserState>> {
    const name = quote(this.name)
    const script = `${lookup('passwd', this.name)}
      groups=$(id -Gn -- ${name} 2>/dev/null) && say groups "$groups"
      say all "$(cut -d : -f 1 /etc/passwd)"`
    const records = await ask(this.vm, this.title, script, options)
    const [found, , uid, gid, comment, home, shell] = records.text('entry').split(':')
    const exists = found === this.name && this.name !== ''
    if (!exists) return { state: MISSING, evidence: [`the users are: ${someOf(records.lines('all'))}`] }
    const groups = records.text('groups').split(/\s+/).filter(Boolean)
    return {
      state: { exists, uid: Number(uid), gid: Number(gid), group: groups[0], groups, home, shell, comment },
      evidence: [],
    }
  }

  /** @internal */
  describe({ exists, uid, groups }: UserState): string {
    return exists ? `has the uid ${uid} and is in ${groups.join(', ')}` : 'does not exist'
  }
}

const MISSING: UserState = {
  exists: false,
  uid: undefined,
  gid: undefined,
  group: undefined,
  groups: [],
  home: undefined,
  shell: undefined,
  comment: undefined,
}

/** Says the entry of a name, from wherever the guest's names come; where there is no getent, from the file. */
export function lookup(database: 'passwd' | 'group', name: string): string {
  return `if command -v getent >/dev/null 2>&1; then out entry getent ${database} -- ${quote(name)}
  else name=${quote(name)}; while IFS= read -r line; do
    case $line in "$name":*) say entry "$line"; break ;; esac
  done </etc/${database}; fi`
}
