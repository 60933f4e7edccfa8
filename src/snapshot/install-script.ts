/** By the program that tells them apart. Each one's list of packages is fetched first: that of an image is old, or not there. */
const MANAGERS: Record<string, string> = {
  'apt-get':
    'export DEBIAN_FRONTEND=noninteractive; apt="apt-get -q -o DPkg::Lock::Timeout=120"; $apt update && $apt install -y --no-install-recommends "$@"',
  dnf: 'dnf install -y -q "$@"',
  yum: 'yum install -y -q "$@"',
  apk: 'apk add --no-cache --no-progress "$@"',
  zypper: 'zypper --non-interactive --quiet install --no-recommends "$@"',
  pacman: 'pacman -Sy --noconfirm --needed --noprogressbar "$@"',
  pkg: 'env ASSUME_ALWAYS_YES=yes pkg install -y "$@"',
}

/** Installs packages with the guest's own package manager; only that of Debian and its kin is tested. */
export function installScript(names: readonly string[]): string {
  const known = Object.keys(MANAGERS)
  const branches = known.map((name) => `if command -v ${name} >/dev/null 2>&1; then ${MANAGERS[name]}`)
  return [
    `set -- ${names.join(' ')}`,
    branches.join('\nel'),
    `else echo "there is none of ${known.join(', ')} in this guest" >&2; exit 127`,
    'fi',
  ].join('\n')
}
