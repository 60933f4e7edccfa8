import { GuestAssertionError, MayflyError } from '../../errors.js'
import { Date } from '../../node-globals.js'
import { quote } from '../../ssh/quote.js'
import { formatMode } from './file-mode.js'
import { ask, type LookOptions, type Records } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export type FileType = 'file' | 'directory' | 'fifo' | 'socket' | 'block device' | 'character device'

/** Of what the path leads to, through symbolic links. */
export interface FileState {
  /** False for a link that leads nowhere, too. */
  exists: boolean
  type: FileType | undefined
  /** Permission bits in octal, as `stat -c %a` prints them: `'644'`, `'4755'`. */
  mode: string | undefined
  owner: string | undefined
  group: string | undefined
  uid: number | undefined
  gid: number | undefined
  /** Bytes. */
  size: number | undefined
  /** When its content changed last. */
  modified: Date | undefined
  /** What a symbolic link says; undefined if the path is none. */
  linkTarget: string | undefined
  /** The path that the link leads to in the end, if it exists. */
  resolved: string | undefined
}

interface FileLookOptions extends LookOptions {
  content?: boolean | undefined
  sha256?: boolean | undefined
}

interface FileSight extends Sight<FileState> {
  /** Undefined unless it was asked for, and it is a regular file. */
  content: string | undefined
  sha256: string | undefined
}

const TYPES: Readonly<Record<number, FileType>> = {
  1: 'fifo',
  2: 'character device',
  4: 'directory',
  6: 'block device',
  8: 'file',
  12: 'socket',
}

/** A path of the guest. Relative ones start at the home of the user who is logged in. */
export class FileResource extends NamedResource<FileState> {
  readonly kind = 'file'

  get path(): string {
    return this.name
  }

  /** Of a regular file, as UTF-8. `vm.readFile` gives bytes. */
  async content(): Promise<string> {
    return this.#regular(await this.look({ content: true, evidence: true }), 'content')
  }

  /** Of a regular file, in hex. */
  async sha256(): Promise<string> {
    return this.#regular(await this.look({ sha256: true, evidence: true }), 'sha256')
  }

  /** In octal: `'644'`. */
  async mode(): Promise<string> {
    return (await this.existing()).mode!
  }

  async owner(): Promise<string> {
    return (await this.existing()).owner!
  }

  async group(): Promise<string> {
    return (await this.existing()).group!
  }

  /** Bytes. */
  async size(): Promise<number> {
    return (await this.existing()).size!
  }

  async modified(): Promise<Date> {
    return (await this.existing()).modified!
  }

  async isFile(): Promise<boolean> {
    return (await this.state()).type === 'file'
  }

  async isDirectory(): Promise<boolean> {
    return (await this.state()).type === 'directory'
  }

  async isSymlink(): Promise<boolean> {
    return (await this.state()).linkTarget !== undefined
  }

  /** What the link says; undefined if the path is no symbolic link. */
  async linkTarget(): Promise<string | undefined> {
    return (await this.state()).linkTarget
  }

  /** @internal */
  async look(options: FileLookOptions = {}): Promise<FileSight> {
    const rest = options.content ? 'if [ -f "$p" ]; then cat "$p"; fi' : ''
    const records = await ask(this.vm, this.title, script(this.name, options), options, rest)
    const state = stateOf(records)
    const failure = records.text('failure')
    const missing = /No such file|Not a directory|symbolic links/.test(failure)
    if (failure !== '' && !missing) {
      throw new MayflyError('MAYFLY_COMMAND_FAILED', `${this.vm.name}: cannot look at ${this.title}`, {
        details: [failure],
      })
    }
    return {
      state,
      evidence: evidenceOf(records, state),
      content: options.content && state.type === 'file' ? records.rest : undefined,
      sha256: /^[0-9a-f]{64}/.exec(records.text('sha256'))?.[0],
    }
  }

  /** @internal */
  describe({ exists, type, linkTarget }: FileState): string {
    if (exists) return `is a ${type === 'file' ? 'regular file' : type}`
    return linkTarget === undefined ? 'does not exist' : `is a symbolic link to ${linkTarget}, which does not exist`
  }

  #regular(sight: FileSight, what: 'content' | 'sha256'): string {
    const value = sight[what]
    if (value !== undefined) return value
    throw new GuestAssertionError(
      'MAYFLY_RESOURCE_MISSING',
      `${this.vm.name}: ${this.title} ${this.describe(sight.state)}`,
      { details: sight.evidence },
    )
  }
}

const HASH = `if [ -f "$p" ]; then
    if [ -r "$p" ]; then out sha256 sha256sum <"$p"; else say failure 'Permission denied'; fi
  fi`

function script(path: string, { evidence, sha256 }: FileLookOptions): string {
  // A path is never taken for an option.
  const p = quote(path.startsWith('/') ? path : `./${path}`)
  const parent = `d=$p
  while [ ! -e "$d" ]; do case $d in */*) d=\${d%/*}; [ "$d" ] || d=/ ;; *) d=. ;; esac; done
  say parent "$d"
  [ -d "$d" ] && out listing ls -1Ap "$d"`
  return `p=${p}
  if s=$(stat -L -c '%f %s %u %g %Y %U %G' "$p" 2>&1); then say stat "$s"
  ${sha256 ? HASH : ':'}
  else say failure "$s"
  ${evidence ? parent : ':'}
  fi
  if [ -L "$p" ]; then
    out link readlink -n "$p"
    # busybox resolves what does not exist from the current directory.
    [ -e "$p" ] && out resolved readlink -n -f "$p"
  fi`
}

function stateOf(records: Records): FileState {
  const exists = records.has('stat')
  const [bits = '', size, uid, gid, modified, owner, group] = records.text('stat').split(' ')
  const raw = Number.parseInt(bits, 16)
  return {
    exists,
    type: TYPES[raw >> 12],
    mode: exists ? formatMode(raw) : undefined,
    owner,
    group,
    uid: exists ? Number(uid) : undefined,
    gid: exists ? Number(gid) : undefined,
    size: exists ? Number(size) : undefined,
    modified: exists ? new Date(Number(modified) * 1000) : undefined,
    linkTarget: records.exact('link'),
    resolved: records.exact('resolved') || undefined,
  }
}

const MOST_NAMES = 20

function evidenceOf(records: Records, state: FileState): string[] {
  if (state.exists || !records.has('parent')) return []
  const parent = records.text('parent')
  if (!records.has('listing')) return [`${parent} is not a directory`]
  const names = records.lines('listing')
  if (names.length === 0) return [`${parent} is empty`]
  const more = names.length > MOST_NAMES ? [`  and ${names.length - MOST_NAMES} more`] : []
  return [`in ${parent} there is:`, ...names.slice(0, MOST_NAMES).map((name) => `  ${name}`), ...more]
}
