import { ask, type LookOptions, someOf } from './records.js'
import { NamedResource, type Sight } from './resource.js'
import { lookup } from './user.js'

export interface GroupState {
  exists: boolean
  gid: number | undefined
  /** Those that the group lists; users whose primary group it is are not among them. */
  members: readonly string[]
}

/** A group of users, by name. */
export class GroupResource extends NamedResource<GroupState> {
  readonly kind = 'group'

  async gid(): Promise<number> {
    return (await this.existing()).gid!
  }

  /** Those that the group lists; users whose primary group it is are not among them. */
  async members(): Promise<readonly string[]> {
    return (await this.existing()).members
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<GroupState>> {
    const script = `${lookup('group', this.name)}
      say all "$(cut -d : -f 1 /etc/group)"`
    const records = await ask(this.vm, this.title, script, options)
    const [found, , gid, members = ''] = records.text('entry').split(':')
    const exists = found === this.name && this.name !== ''
    if (!exists) {
      const evidence = [`the groups are: ${someOf(records.lines('all'))}`]
      return { state: { exists, gid: undefined, members: [] }, evidence }
    }
    return { state: { exists, gid: Number(gid), members: members.split(',').filter(Boolean) }, evidence: [] }
  }

  /** @internal */
  describe({ exists, gid, members }: GroupState): string {
    if (!exists) return 'does not exist'
    return `has the gid ${gid} and ${members.length === 0 ? 'lists no members' : `the members ${members.join(', ')}`}`
  }
}
