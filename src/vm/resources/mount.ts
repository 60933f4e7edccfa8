import { ask, type LookOptions } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export interface Mounted {
  path: string
  /** Device, or what the file system calls itself: `/dev/vda`, `tmpfs`. */
  source: string
  type: string
  options: readonly string[]
}

export interface MountState {
  /** The same as `mounted`. */
  exists: boolean
  mounted: boolean
  source: string | undefined
  type: string | undefined
  options: readonly string[]
}

/** A mount point, by its path. */
export class MountResource extends NamedResource<MountState> {
  readonly kind = 'mount'

  async isMounted(): Promise<boolean> {
    return (await this.state()).mounted
  }

  /** Device, or what the file system calls itself: `/dev/vda`, `tmpfs`. */
  async source(): Promise<string> {
    return (await this.existing()).source!
  }

  /** `ext4`, `tmpfs`, ... */
  async type(): Promise<string> {
    return (await this.existing()).type!
  }

  async options(): Promise<readonly string[]> {
    return (await this.existing()).options
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<MountState>> {
    const mounts = parseMounts(
      (await ask(this.vm, this.title, 'out mounts cat /proc/self/mounts', options)).text('mounts'),
    )
    const path = this.name.replace(/(?<=.)\/+$/, '')
    // The last one hides those below it.
    const found = mounts.findLast((mount) => mount.path === path)
    const { source, type, options: flags = [] } = found ?? {}
    const mounted = found !== undefined
    return { state: { exists: mounted, mounted, source, type, options: flags }, evidence: mounted ? [] : list(mounts) }
  }

  /** @internal */
  describe({ mounted, source, type, options }: MountState): string {
    return mounted ? `is mounted: ${source}, ${type} (${options.join(',')})` : 'is not mounted'
  }
}

/** Lines of /proc/mounts, where white space and backslashes are in octal. */
export function parseMounts(table: string): Mounted[] {
  return table.split('\n').flatMap((line): Mounted[] => {
    const [source, path, type, options] = line.split(' ').map(unescapeOctal)
    return source === undefined || path === undefined || type === undefined
      ? []
      : [{ source, path, type, options: options?.split(',') ?? [] }]
  })
}

function unescapeOctal(word: string): string {
  return word.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

function list(mounts: readonly Mounted[]): string[] {
  return ['what is mounted:', ...mounts.map(({ path, source, type }) => `  ${path}: ${source}, ${type}`)]
}
