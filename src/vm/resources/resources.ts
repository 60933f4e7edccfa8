import type { Command } from '../commands.js'
import { type JournalEntry, type JournalOptions, readJournal } from '../journal.js'
import { Waits } from '../waits.js'
import { CommandResource } from './command.js'
import { FileResource } from './file.js'
import { GroupResource } from './group.js'
import { InterfaceResource } from './interface.js'
import { MountResource } from './mount.js'
import { PackageResource } from './package.js'
import { type PortOptions, PortResource } from './port.js'
import { ProcessResource } from './process.js'
import { ServiceResource } from './service.js'
import { SysctlResource } from './sysctl.js'
import { UserResource } from './user.js'

/** What a guest is made of, to ask about and to assert on with `mayfly/matchers`. Nothing happens before it is asked. */
export abstract class Resources extends Waits {
  /** A unit of systemd (`nginx`, `nginx.socket`), or a service of OpenRC. */
  service(name: string): ServiceResource {
    return new ServiceResource(this, name)
  }

  /** A file, directory, link or the like. Relative paths start at the home of the user who is logged in. */
  file(path: string): FileResource {
    return new FileResource(this, path)
  }

  /** A TCP port, or a UDP one. */
  port(port: number, options?: PortOptions): PortResource {
    return new PortResource(this, port, options)
  }

  /** A package of dpkg, rpm or apk. */
  package(name: string): PackageResource {
    return new PackageResource(this, name)
  }

  user(name: string): UserResource {
    return new UserResource(this, name)
  }

  group(name: string): GroupResource {
    return new GroupResource(this, name)
  }

  /** The processes that run a program, by its name or path. */
  process(name: string): ProcessResource {
    return new ProcessResource(this, name)
  }

  /** A mount point. */
  mount(path: string): MountResource {
    return new MountResource(this, path)
  }

  /** A setting of the running kernel: `net.ipv4.ip_forward`. */
  sysctl(key: string): SysctlResource {
    return new SysctlResource(this, key)
  }

  /** A network interface: `eth0`. */
  interface(name: string): InterfaceResource {
    return new InterfaceResource(this, name)
  }

  /** A command, which runs each time it is asked about, and not before. Takes the options of `exec`. */
  command(command: Command, options?: ConstructorParameters<typeof CommandResource>[2]): CommandResource {
    return new CommandResource(this, command, options)
  }

  /**
   * What systemd's journal has, oldest first; at most the last 10,000 entries of the boot are looked at.
   * @param unit only what concerns this unit.
   * @throws MayflyError MAYFLY_RESOURCE_UNSUPPORTED without systemd, MAYFLY_RESOURCE_MISSING for a boot that the journal does not
   *   have, MAYFLY_OPTION_INVALID, MAYFLY_OUTPUT_TOO_LARGE beyond 16 MiB, or as `exec`.
   * @example
   * const [error] = await vm.journal('nginx', { boot: -1, grep: /emerg/ })
   */
  journal(unit?: string, options?: JournalOptions): Promise<JournalEntry[]> {
    const title = `journal${unit === undefined ? '' : ` of ${unit}`}`
    const read = () => readJournal(this, unit, options)
    return this.timeline.during('check', title, read, ({ length }) => ({ result: `${length} entries` }))
  }
}
