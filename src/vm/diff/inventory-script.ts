import { quote } from '../../ssh/quote.js'

interface Scope {
  /** Where files are looked for. */
  roots: readonly string[]
  /** Paths that are not looked into. Wildcards would count. */
  pruned: readonly string[]
}

/** File systems of the kernel, and of other machines. */
const FOREIGN =
  'proc|sysfs|devtmpfs|devpts|cgroup|cgroup2|securityfs|debugfs|tracefs|pstore|bpf|mqueue|hugetlbfs|configfs|fusectl|' +
  'binfmt_misc|autofs|rpc_pipefs|nsfs|efivarfs|nfs|nfs4|cifs|9p|virtiofs|fuse.*|overlay'

/** Where systemd finds units, the most important first: systemd.unit(5). */
const UNIT_PATHS =
  '/etc/systemd/system /run/systemd/transient /run/systemd/system /run/systemd/generator /usr/local/lib/systemd/system ' +
  '/usr/lib/systemd/system /lib/systemd/system'

/** Fields of a file's record; see file-records.ts. Both stat(1) and find(1) can tell them; GNU's find does it without a process per batch. */
const FOUND = '//%y%m|%U|%G|%s|%D|%i|%T@|%C@|%p\\n'
const STATTED = '//=%f|%u|%g|%s|%d|%i|%y|%z|%n'

/**
 * A script for any POSIX shell, GNU's tools or busybox, that tells all a comparison looks at; each section begins with a
 * line of `mark` and its name. It changes nothing in the guest.
 */
export function inventoryScript(mark: string, scope: Scope): string {
  return `export LC_ALL=C
failed() { section failed; echo "$1"; }
section() { printf '\\n%s %s\\n' ${mark} "$1"; }
section passwd; cat /etc/passwd
section group; cat /etc/group
for table in tcp tcp6 udp udp6; do section "$table"; cat /proc/net/$table; done
section descriptors; ls -l /proc/[0-9]*/fd 2>/dev/null | grep -e ^/proc -e socket:
section processes; grep -s '' /proc/[0-9]*/comm
if command -v dpkg-query >/dev/null; then
  section packages; dpkg-query -W -f '\${binary:Package}\\t\${Version}\\t\${db:Status-Status}\\n' || failed dpkg-query
fi
if [ -d /var/lib/rpm ] || [ -d /usr/lib/sysimage/rpm ]; then
  section packages; rpm -qa --qf '%{NAME}.%{ARCH}\\t%{VERSION}-%{RELEASE}\\tinstalled\\n'
fi
if [ -e /lib/apk/db/installed ]; then
  section packages
  awk -F: '/^P:/ { name = $2 } /^V:/ { print name "\\t" substr($0, 3) "\\tinstalled" }' /lib/apk/db/installed
fi
if [ -d /run/systemd/system ]; then
  # What \`systemctl list-unit-files\` would take many times as long to tell: it looks through all links for each unit.
  section unit-files
  find ${UNIT_PATHS} -maxdepth 2 '(' -type f -o -type l ')' -printf '%p\\t%l\\n' 2>/dev/null
  section installable; for path in ${UNIT_PATHS}; do grep -ls '^\\[Install\\]' "$path"/*.*; done
  section units; systemctl list-units --all --full --no-legend --no-pager --plain || failed systemctl
fi
section files
set -- -path /proc -o -path /sys -o -path /dev
while read -r _ where type _; do
  case $type in ${FOREIGN})
    case $where in *\\\\*) where=$(printf %b "$where") ;; esac
    [ "$where" = / ] || set -- "$@" -o -path "$where" ;;
  esac
done </proc/self/mounts
for path in ${quoted(scope.pruned)}; do set -- "$@" -o -path "$path"; done
if find / -maxdepth 0 -printf '' 2>/dev/null; then
  find ${quoted(scope.roots)} -type d '(' "$@" ')' -prune -o -printf '${FOUND}'
else
  find ${quoted(scope.roots)} -type d '(' "$@" ')' -prune -o -exec stat -c '${STATTED}' {} +
fi
section end`
}

function quoted(paths: readonly string[]): string {
  return paths.map((path) => quote(path)).join(' ')
}
