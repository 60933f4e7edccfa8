import { inspect } from 'node:util'
import { renderFile, renderGroup, renderPackage, renderPort, renderUnit, renderUser } from './render.js'

/** One thing that is not as it was. */
export interface Change<Facts> {
  change: 'added' | 'removed' | 'changed'
  /** A file's path, a unit's name, `tcp 0.0.0.0:80`, ... */
  name: string
  /** Undefined if it was added. */
  before?: Facts
  /** Undefined if it was removed. */
  after?: Facts
  /** What of it has changed; empty unless `change` is `'changed'`. */
  differs: (keyof Facts)[]
  /** Its line: `~ nginx 1.22.1-9 -> 1.22.1-10`. */
  toString(): string
}

export interface FileFacts {
  type: 'file' | 'directory' | 'symlink' | 'socket' | 'fifo' | 'character device' | 'block device'
  /** SHA-256 of a regular file that is on both sides and may differ. */
  content?: string
  /** Octal, as chmod takes it: `'644'`, `'1777'`. A symlink has none. */
  mode?: string
  /** `'root:root'`; numbers where there is no name. */
  owner: string
  /** Where a symlink points. */
  target?: string
}

export interface FileChange extends Change<FileFacts> {
  /** With the option `content`, of a text file: its lines, with `-` and `+` before those that went and came. */
  lines?: readonly string[]
}

export interface PackageFacts {
  version: string
}

export interface UnitFacts {
  /** `'enabled'`, `'enabled-runtime'`, `'disabled'`, `'static'`, `'masked'`, `'alias'`, `'generated'`; `''` for one without a file. */
  enabled: string
  /** `'active (running)'`, `'inactive (dead)'`, `'failed (failed)'` for a service; `'active'`, ... for the others. */
  state: string
}

export interface PortFacts {
  /** The program that listens, by the kernel's name for it; several with commas, `''` if nobody knows. */
  process: string
}

export interface UserFacts {
  uid: number
  /** The name of its primary group, or its number. */
  group: string
  comment: string
  home: string
  shell: string
}

export interface GroupFacts {
  gid: number
  /** With commas, sorted. */
  members: string
}

interface MachineChanges {
  readonly files: readonly FileChange[]
  readonly packages: readonly Change<PackageFacts>[]
  readonly units: readonly Change<UnitFacts>[]
  readonly ports: readonly Change<PortFacts>[]
  readonly users: readonly Change<UserFacts>[]
  readonly groups: readonly Change<GroupFacts>[]
}

/** What changed in a machine, each list sorted by name. As text, as JSON and in snapshots it is lines that people can read. */
export class MachineDiff implements MachineChanges {
  readonly files: readonly FileChange[]
  readonly packages: readonly Change<PackageFacts>[]
  readonly units: readonly Change<UnitFacts>[]
  readonly ports: readonly Change<PortFacts>[]
  readonly users: readonly Change<UserFacts>[]
  readonly groups: readonly Change<GroupFacts>[]

  /** @internal */
  constructor(changes: MachineChanges) {
    this.files = readable(changes.files, (file) => renderFile(file).join('\n'))
    this.packages = readable(changes.packages, renderPackage)
    this.units = readable(changes.units, renderUnit)
    this.ports = readable(changes.ports, renderPort)
    this.users = readable(changes.users, renderUser)
    this.groups = readable(changes.groups, renderGroup)
  }

  /** Whether nothing has changed. */
  get empty(): boolean {
    return this.summary === 'no changes'
  }

  /** `'no changes'`, or how many there are. */
  get summary(): string {
    const all = [this.files, this.packages, this.units, this.ports, this.users, this.groups]
    const count = all.reduce((sum, { length }) => sum + length, 0)
    return count === 0 ? 'no changes' : `${count} ${count === 1 ? 'change' : 'changes'}`
  }

  /** Lines by kind, such as `{ files: ['+ /etc/new'] }`, without kinds that have none. A snapshot holds this. */
  toJSON(): Record<string, string[]> {
    const kinds = {
      files: this.files.flatMap(renderFile),
      packages: this.packages.map(renderPackage),
      units: this.units.map(renderUnit),
      ports: this.ports.map(renderPort),
      users: this.users.map(renderUser),
      groups: this.groups.map(renderGroup),
    }
    return Object.fromEntries(Object.entries(kinds).filter(([, lines]) => lines.length > 0))
  }

  toString(): string {
    const kinds = Object.entries(this.toJSON())
    if (this.empty) return this.summary
    return kinds.flatMap(([kind, lines]) => [kind, ...lines.map((line) => `  ${line}`)]).join('\n')
  }

  /** What console.log prints. */
  [inspect.custom](): string {
    return this.toString()
  }
}

/** The same list, which is lines as text, and so is each entry. Assertions compare the data alone. */
function readable<Entry extends object>(entries: readonly Entry[], render: (entry: Entry) => string): readonly Entry[] {
  const copies = entries.map((entry) => withText({ ...entry }, () => render(entry)))
  return withText(copies, () => copies.map(render).join('\n'))
}

function withText<Value extends object>(value: Value, toString: () => string): Value {
  return Object.defineProperty(value, 'toString', { value: toString, enumerable: false })
}
