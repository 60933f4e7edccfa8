import { MayflyError } from '../../errors.js'
import { quote } from '../../ssh/quote.js'
import { ask, type LookOptions } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export interface PackageState {
  manager: 'dpkg' | 'rpm' | 'apk'
  /** The same as `installed`. */
  exists: boolean
  /** Unpacked and configured; one that was removed and left its configuration is not. */
  installed: boolean
  /** As the package manager writes it: `1.22.1-9+deb12u3`; undefined if it is not installed. */
  version: string | undefined
  /** What dpkg says of it in two letters: `ii`, `rc`, ... */
  status: string
}

/** A package of the guest's own package manager. */
export class PackageResource extends NamedResource<PackageState> {
  readonly kind = 'package'

  async isInstalled(): Promise<boolean> {
    return (await this.state()).installed
  }

  /** As the package manager writes it: `1.22.1-9+deb12u3`. */
  async version(): Promise<string> {
    return (await this.existing()).version!
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<PackageState>> {
    // Of dpkg's, rpm's and apk's alphabets together; anything else would be an option or a pattern.
    if (!/^[\w][\w.+:~-]*$/.test(this.name)) {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `not a package's name: ${JSON.stringify(this.name)}`)
    }
    const records = await ask(this.vm, this.title, script(this.name, options.evidence === true), options)
    const manager = records.text('manager')
    if (manager !== 'dpkg' && manager !== 'rpm' && manager !== 'apk') {
      throw new MayflyError(
        'MAYFLY_RESOURCE_UNSUPPORTED',
        `${this.vm.name} has no package manager that Mayfly knows (dpkg, rpm, apk)`,
        { hint: 'vm.file(path) tells whether a program is there.' },
      )
    }
    const [status = '', version] = records.lines('package')[0]?.split(/\s+/) ?? []
    const installed = status.startsWith('ii') || status.startsWith('hi')
    const alike = records.lines('alike')
    return {
      state: { manager, exists: installed, installed, version: installed ? version : undefined, status },
      evidence: alike.length === 0 ? [] : ['installed, with that in their names:', ...alike.map((line) => `  ${line}`)],
    }
  }

  /** @internal */
  describe({ installed, version, status, manager }: PackageState): string {
    if (installed) return `is installed in version ${version}`
    if (status === 'rc') return 'was removed, and only its configuration is left'
    return status === '' || status === 'un'
      ? 'is not installed'
      : `is not installed properly: ${manager} says ${status}`
  }
}

/** The answers of rpm and apk are put in dpkg's form. busybox has commands by the names of dpkg and rpm, without what they manage. */
function script(name: string, evidence: boolean): string {
  const word = quote(name)
  const alike = (list: string) =>
    evidence ? `[ "$p" ] || { alike() { ${list} | head -n 10; }; out alike alike; }` : ''
  return `if [ -e /var/lib/dpkg/status ]; then
    say manager dpkg
    p=$(dpkg-query -W -f '\${db:Status-Abbrev} \${Version}\\n' ${word} 2>/dev/null)
    ${alike(`dpkg-query -W -f '\${db:Status-Abbrev}\${Package} \${Version}\\n' ${quote(`*${name}*`)} 2>/dev/null | sed -n 's/^ii  *//p'`)}
  elif [ -e /lib/apk/db/installed ]; then
    say manager apk
    p=$(sed -n '/^P:${name.replaceAll('.', '\\.')}$/,/^$/s/^V:/ii /p' /lib/apk/db/installed)
    ${alike(`sed -n 's/^P://p' /lib/apk/db/installed | grep -F -e ${word}`)}
  elif [ -d /var/lib/rpm ] || [ -d /usr/lib/sysimage/rpm ]; then
    say manager rpm
    p=$(rpm -q --qf 'ii %{EVR}\\n' ${word} 2>/dev/null) || p=
    ${alike(`rpm -qa --qf '%{NAME} %{EVR}\\n' ${quote(`*${name}*`)}`)}
  fi
  say package "$p"`
}

/**
 * Whether a package's version is the one that was asked for: all of it, or a leading part that ends where a number or a
 * word does, with or without the epoch. `1.22` is 1.22.1-9, and not 1.220.
 */
export function isVersion(version: string, wanted: string | RegExp): boolean {
  if (typeof wanted !== 'string') return new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, '')).test(version)
  return [version, version.replace(/^\d+:/, '')].some((text) => {
    const next = text.startsWith(wanted) ? (text[wanted.length] ?? '') : undefined
    return next !== undefined && (next === '' || !/[\p{L}\p{N}]/u.test(next))
  })
}
