#!/usr/bin/env bash
# Installs the programs Mayfly needs on a Debian or Ubuntu host. Does nothing when they are there.
set -euo pipefail

usage() {
  cat <<'END'
Usage: bash ci/setup.sh [--dev] [--list]
  --dev   also what only Mayfly's own tests need (or MAYFLY_SETUP_DEV=1)
  --list  print the packages for this host, one a line, and install nothing
Needs root, or sudo without a password. Asks nothing.
END
}

dev=${MAYFLY_SETUP_DEV:-0}
list=0
for argument in "$@"; do
  case $argument in
    --dev) dev=1 ;;
    --list) list=1 ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done

# package | programs (or paths) that show it is there | why. The same as src/host/tool-table.ts; a test compares them.
table=()
case $(uname -m) in
  aarch64 | arm64)
    table+=(
      'qemu-system-arm|qemu-system-aarch64|runs the guests'
      'ipxe-qemu|/usr/lib/ipxe/qemu|network card firmware for QEMU'
    )
    ;;
  *) table+=('qemu-system-x86|qemu-system-x86_64|runs the guests') ;;
esac
table+=(
  'qemu-utils|qemu-img|creates and checks disks'
  'mmdebstrap|mmdebstrap|builds the embedded guests'
  'e2fsprogs|mke2fs|makes the file systems of guests'
  'uidmap|newuidmap|builds images without root'
  'xz-utils|xz|unpacks downloads and kernel modules'
  'lz4|lz4|unpacks kernels'
  'zstd|zstd|unpacks downloads and initial RAM disks'
  'gzip|gzip|unpacks downloads'
  'bzip2|bzip2|unpacks downloads'
  'coreutils|cp|copies the memory of templates'
  'util-linux|setpriv flock|ties child processes to their parent, takes locks'
)
if [[ $dev == 1 ]]; then
  case $(uname -m) in
    aarch64 | arm64) ;;
    *)
      table+=(
        'qemu-system-arm|qemu-system-aarch64|runs guests of another architecture in tests'
        'ipxe-qemu|/usr/lib/ipxe/qemu|network card firmware for QEMU'
      )
      ;;
  esac
  table+=(
    'iproute2|ip|bridges and network namespaces in tests'
    'dnsmasq-base|dnsmasq|gives guests on a bridge their addresses in tests'
    'openssh-client|ssh-keygen scp|keys and file transfers in tests and benches'
    'openssh-server|sshd|the server that the SSH tests talk to; not started as a service'
    'sudo|sudo|how the SSH tests become another user'
    'dropbear-bin|dropbear|the small server that the SSH tests talk to'
    'xorriso|xorriso|checks the CD-ROM images that cloud-init reads'
    'fdisk|sfdisk|makes the disk with a boot loader that tests boot'
    'mtools|mcopy mformat|makes the EFI partition of that disk'
    'ovmf|/usr/share/OVMF/OVMF_CODE_4M.fd|UEFI for guests'
    'qemu-efi-aarch64|/usr/share/AAVMF/AAVMF_CODE.fd|UEFI for guests of another architecture'
    'zsh|zsh|the shell whose completion is tested'
    'fish|fish|the shell whose completion is tested'
    'tcsh|tcsh|a login shell in tests'
    'busybox-static|busybox|packs archives that tests unpack'
    'chromium|chromium|the browser that opens the HTML report in tests'
  )
fi

# An ordinary user's PATH lacks these on Debian.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

missing=()
for row in "${table[@]}"; do
  IFS='|' read -r package programs why <<<"$row"
  if ((list)); then
    echo "$package"
    continue
  fi
  present=1
  for program in $programs; do
    [[ $program == /* && -e $program ]] || command -v "$program" >/dev/null || present=0
  done
  ((present)) && continue
  ((${#missing[@]})) || echo 'Missing on this host:'
  printf '  %-16s %s\n' "$package" "$why"
  missing+=("$package")
done
if ((list)); then exit 0; fi
if ((${#missing[@]} == 0)); then
  echo 'Host packages: all present.'
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  {
    echo 'There is no apt-get here, so these packages (by their Debian names) have to be installed by hand.'
    echo 'With the usual guest tools of other systems, in part under other names:'
    echo '  dnf install     qemu-system-x86 qemu-img mmdebstrap e2fsprogs shadow-utils xz zstd util-linux openssh-clients'
    echo '  pacman -S       qemu-system-x86 qemu-img mmdebstrap e2fsprogs shadow xz zstd util-linux openssh'
    echo '  apk add         qemu-system-x86_64 qemu-img mmdebstrap e2fsprogs shadow-uidmap xz zstd coreutils util-linux-misc setpriv flock openssh-client'
    echo '  brew install    qemu e2fsprogs xz zstd util-linux openssh'
  } >&2
  exit 1
fi

as_root=()
if ((EUID != 0)); then
  if ! sudo -n true 2>/dev/null; then
    {
      echo 'Installing needs root, and sudo is not there or wants a password. Run this once as root, then start again:'
      echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
      echo "or let this script do it:  sudo bash $0 $*"
    } >&2
    exit 1
  fi
  as_root=(sudo -n)
fi

apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -o Dpkg::Use-Pty=0 "$@"
}

# apt waits for dpkg's lock but not for that of the package lists, so this does.
update() {
  local output give_up=$((SECONDS + 120))
  while ! output=$(apt_get update 2>&1); do
    if [[ $output == *'Could not get lock'* ]] && ((SECONDS < give_up)); then
      echo 'Another apt is updating the package lists; waiting for it.'
      sleep 2
      continue
    fi
    # A third party's source that is down does not matter as long as the packages can be had.
    echo 'Some package sources could not be updated; going on with the others:' >&2
    grep -E '^(E|W|Err)' <<<"$output" | sed 's/^/  /' >&2 || true
    return 0
  done
}

# A test tool is no reason for a new network service on this host.
policy=/usr/sbin/policy-rc.d
keep_services_stopped() {
  [[ ! -e $policy ]] || return 0
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
}

echo "Installing ${#missing[@]} of ${#table[@]} host packages with apt-get, without recommended ones."
update
if [[ " ${missing[*]} " == *' openssh-server '* ]]; then keep_services_stopped; fi
if ! apt_get install --no-install-recommends "${missing[@]}"; then
  {
    echo "apt-get could not install: ${missing[*]}"
    echo 'Check the package sources in /etc/apt, then run this again.'
  } >&2
  exit 1
fi
if [[ " ${missing[*]} " == *' openssh-server '* ]] && command -v systemctl >/dev/null; then
  "${as_root[@]}" systemctl disable --quiet ssh.service 2>/dev/null || true
fi
echo "Host packages: installed ${missing[*]}."
